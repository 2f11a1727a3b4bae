package scaleio

import (
	"fmt"
	"net/http"
)

// refusal is an answer other than the one that was asked for: the MDM's, with a code of its catalogue, or the gateway's, without.
type refusal struct {
	status  int
	code    string // "VOL_NOT_FOUND"; "" of the gateway
	message string
}

func (r *refusal) Error() string { return r.message }

// refuse is the MDM's refusal with code: HTTP 500 [scaleio.md §1.1].
func refuse(code string) error {
	text, known := texts[code]
	if !known {
		panic("lab/scaleio: no text for MDM code " + code)
	}
	return &refusal{http.StatusInternalServerError, code, text}
}

// refuseAny is refuse for codes that a test chose: one that has no text here says itself.
func refuseAny(code string) error {
	if text, known := texts[code]; known {
		return &refusal{http.StatusInternalServerError, code, text}
	}
	return &refusal{http.StatusInternalServerError, code, code}
}

// bad is the gateway's own refusal of a request that the MDM never sees.
func bad(status int, format string, args ...any) error {
	return &refusal{status, "", fmt.Sprintf(format, args...)}
}

func noRoute(method, path string) error {
	return bad(http.StatusNotFound, "no route %s %s", method, path)
}

// body is the refusal as JSON: a message alone, or from 3.0 on the code with it [scaleio.md §1.1, §2.2].
func (s *System) refusalBody(r *refusal) fields {
	plain := fields{"message": r.message, "httpStatusCode": r.status, "errorCode": numbers[r.code]}
	if r.code == "" || s.config.PlainErrors || !s.version.atLeast(v3) {
		return plain
	}
	plain["message"] = "Error with details"
	plain["details"] = []fields{{"error": r.code, "rc": numbers[r.code], "errorMessage": r.message}}
	return plain
}

// numbers are the error codes that the recordings show; where they show none the number is 0: no source tells it, and clients
// must not depend on it.
var numbers = map[string]int{
	"VOL_NAME_IN_USE": 85, "FD_NAME_IN_USE": 89, "STORAGE_POOL_NAME_ALREADY_EXISTS": 198, "FAULT_SET_NAME_ALREADY_EXISTS": 367,
	"VOL_NOT_FOUND": 79, "TGT_NOT_FOUND": 79, "STORAGE_POOL_NOT_FOUND": 79, "FAULT_SET_NOT_FOUND": 79, "NOT_FOUND": 79,
	"INI_NOT_FOUND": 72, "INI_MUST_BE_DISCONNECTED": 403, "COMMUNICATION_ERROR": 99, "PARAMETER_OUT_OF_RANGE": 98,
	"MDM_NAME_ALREADY_EXISTS": 301, "VOL_SIZE_ILLEGAL": 108, "VOL_NOT_AUTO_SNAP": 900, "SPEF_ONLY": 901,
}
