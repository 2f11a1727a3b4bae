package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	types "github.com/dell/goscaleio/types/v1"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// refusal is what the MDM, or the gateway for it, said instead of doing what was asked.
type refusal struct {
	status  int
	code    string // of the MDM's catalogue: "FD_NAME_IN_USE"; "" when it could not be told
	message string // "" when only the status says something
}

func (r *refusal) Error() string {
	switch {
	case r.code != "":
		return fmt.Sprintf("ScaleIO refuses: %s (%s)", strings.TrimSpace(r.message), r.code)
	case r.message != "":
		return fmt.Sprintf("ScaleIO refuses: %s (HTTP %d)", strings.TrimSpace(r.message), r.status)
	}
	return fmt.Sprintf("HTTP %d", r.status)
}

// unknownCall says whether the gateway does not know a call of this form, so that another way must serve. An MDM's "not found" is not that.
func unknownCall(err error) bool {
	var r *refusal
	return errors.As(err, &r) && fault.KindOf(err) == fault.Invalid &&
		slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, r.status)
}

// readRefusal reads the body of an answer that is not 2xx: {message, errorCode}, from 3.x on with details that hold the catalogue's code,
// or what the services of 4.x say, {messages: [{code, message}]} (scaleio.md §1.1). It gives nil for anything else.
func readRefusal(status int, body []byte) *refusal {
	var said struct {
		types.Error
		Messages []struct{ Code, Message string }
	}
	if err := json.Unmarshal(body, &said); err != nil && !errors.As(err, new(*json.UnmarshalTypeError)) {
		return nil // what fits is read: a status code that is a text loses no message
	}
	r := &refusal{status: status, message: said.Message}
	switch {
	case len(said.ErrorDetails) > 0:
		detail := said.ErrorDetails[0]
		r.code = detail.Error
		if detail.ErrorMessage != "" {
			r.message = detail.ErrorMessage
		} else if text := types.TranslateErrorCodeToErrorMessage(detail.Error); text != "" {
			r.message = text
		}
	case len(said.Messages) > 0:
		r.code, r.message = said.Messages[0].Code, said.Messages[0].Message
	}
	if r.message == "" {
		return nil
	}
	if r.code == "" {
		r.code = codes()[text(r.message)]
	}
	return r
}

// kindOfCode says what an MDM's code means for us. A code that is not here is judged by its family, and Temporary if it has
// none: a step that is tried again and shows the MDM's sentence goes on by itself when the cause is mended.
var kindOfCode = map[string]fault.Kind{
	// "Retry" of scaleio.md §5.6, and what passes by itself.
	"MDM_BUSY": fault.Temporary, "VOL_ALLOC_ERROR_BUSY": fault.Temporary, "TGT_ALREADY_ADDING_DEV": fault.Temporary,
	"MDM_NOT_CONNECTED": fault.Temporary, "VOL_MAP_TIMEOUT": fault.Temporary, "TIMEOUT": fault.Temporary, "REQUEST_QUEUING_TIMEOUT": fault.Temporary,
	"TGT_NOT_LISTENING_ON_PORT": fault.Temporary, "CMD_ERROR_CLUSTER_DEGRADED": fault.Temporary, "TGT_BEING_REMOVED": fault.Temporary,
	"TGT_ALREADY_EXISTS_AND_BEING_REMOVED": fault.Temporary, "TGT_ADD_DEV_OPEN_ERROR": fault.Temporary, "TGT_ADD_DEV_IO_ERROR": fault.Temporary,
	"TGT_ADD_DEV_IO_ERROR_DEBUG": fault.Temporary, "INVALID_SESSION": fault.Temporary, "TOO_MANY_SESSIONS": fault.Temporary,

	"MDM_DOES_NOT_EXIST": fault.NotFound,

	// A device that may hold somebody's data, or is no device for ScaleIO: only the operator can say otherwise (scaleio.md §5.3).
	"TGT_ADD_DEV_IS_MOUNTED": fault.Denied, "TGT_ADD_DEV_IS_PARTITIONED": fault.Denied, "USER_CONTENT_DETECTED": fault.Denied,
	"USER_CONTENT_POSSIBLE": fault.Denied, "DEV_ALREADY_TAKEN_BY_ANOTHER": fault.Denied, "DEV_ALREADY_TAKEN_BY_US_OR_ANOTHER": fault.Denied,
	"TGT_ADD_DEV_SIZE_PROBLEM": fault.Denied, "DEV_SIZE_TOO_SMALL": fault.Denied, "DEV_SIZE_TOO_LARGE": fault.Denied,
	"TGT_ADD_DEVICE_VALIDATION_FAILED": fault.Denied, "MEDIA_TYPE_MISMATCH": fault.Denied,

	// Rights and bounds.
	"NO_PERMISSIONS": fault.Denied, "PERMISSION_DENIED": fault.Denied, "REMOTE_PERMISSION_DENIED": fault.Denied, "PASSWORD_CHANGE_REQUIRED": fault.Denied,
	"INVALID_PASSWORD": fault.Denied, "LONG_NAME": fault.Invalid,
	"CAPACITY_LICENSE_EXCEEDED": fault.Denied, "TGT_CAPACITY_LIMIT_EXCEEDED": fault.Denied, "EXCEED_SYSTEM_CAPACITY_LIMITATIONS": fault.Denied,
	"MDM_STANDBY": fault.Invalid, "MDM_NOT_ATTACHED": fault.Invalid,

	// Somebody else's.
	"TGT_ADDR_AND_PORT_IN_USE": fault.Conflict, "TGT_ACTIVE_ATTACH_TO_OTHER_MDM": fault.Conflict, "TGT_ALREADY_ATTACH_TO_OTHER_MDM": fault.Conflict,
	"STORAGE_POOL_HAS_DEVS": fault.Conflict, "DUPLICATE_TGT_DEVICE_NAME": fault.Conflict,
	"ACTOR_ALREADY_CONFIGURED": fault.Conflict, "FD_AND_SP_MISMATCH": fault.Conflict, "FD_AND_FS_MISMATCH": fault.Conflict,
}

// families judge the codes that start or end alike.
var families = []struct {
	start, end string
	kind       fault.Kind
}{
	{"", "NOT_FOUND", fault.NotFound},
	{"", "_IN_USE", fault.Conflict}, {"", "_ALREADY_EXISTS", fault.Conflict}, {"", "_ALREADY_EXIST", fault.Conflict}, {"", "_MISMATCH", fault.Conflict},
	{"", "_MUST_BELONG_TO_SAME_FD", fault.Conflict},
	{"INVALID_", "", fault.Invalid}, {"", "_ILLEGAL", fault.Invalid},
	{"TOO_MANY_", "", fault.Denied},
}

// codesByText are those that a message without its code (2.x) is told by.
var codesByText = []string{
	"NOT_FOUND", "FD_NOT_FOUND", "FAULT_SET_NOT_FOUND", "STORAGE_POOL_NOT_FOUND", "TGT_NOT_FOUND", "TGT_DEVICE_NOT_FOUND",
	"FD_NAME_IN_USE", "FD_ALREADY_EXISTS", "FAULT_SET_ALREADY_EXISTS", "FAULT_SET_NAME_ALREADY_EXISTS", "STORAGE_POOL_ALREADY_EXISTS",
	"STORAGE_POOL_NAME_ALREADY_EXISTS", "TGT_NAME_IN_USE", "TGT_IP_ALREADY_EXISTS", "IP_ALREADY_EXISTS", "DEV_NAME_ALREADY_EXISTS",
	"DEV_PATH_ALREADY_EXISTS", "INVALID_SPARE_PERCENTAGE", "INVALID_NAME", "SP_AND_TGT_MUST_BELONG_TO_SAME_FD", "TOO_MANY_DEVICES",
}

// codes gives the code that a sentence of the catalogue belongs to.
var codes = sync.OnceValue(func() map[string]string {
	byText := map[string]string{}
	know := func(code string) {
		if sentence := types.TranslateErrorCodeToErrorMessage(code); sentence != "" {
			if earlier, twice := byText[text(sentence)]; !twice || code < earlier { // the same in every run, where two share a sentence
				byText[text(sentence)] = code
			}
		}
	}
	for code := range kindOfCode {
		know(code)
	}
	for _, code := range codesByText {
		know(code)
	}
	return byText
})

// text is a sentence as it is compared: releases differ in blanks, capitals and the full stop.
func text(sentence string) string {
	return strings.TrimSuffix(strings.ToLower(strings.Join(strings.Fields(sentence), " ")), ".")
}

// kind says what a refusal means: by the MDM's code first, then by what its sentence starts with, then by the status.
func (r *refusal) kind() fault.Kind {
	if kind, known := kindOfCode[r.code]; known {
		return kind
	}
	for _, family := range families {
		if r.code != "" && strings.HasPrefix(r.code, family.start) && strings.HasSuffix(r.code, family.end) {
			return family.kind
		}
	}
	if strings.HasPrefix(text(r.message), "could not find") {
		return fault.NotFound
	}
	return kindOfStatus(r.status)
}

func kindOfStatus(status int) fault.Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.Denied
	case http.StatusConflict:
		return fault.Conflict
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return fault.Temporary
	}
	if status < http.StatusInternalServerError || status == http.StatusNotImplemented {
		return fault.Invalid
	}
	return fault.Temporary
}
