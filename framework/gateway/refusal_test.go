package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	types "github.com/dell/goscaleio/types/v1"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// What the MDM says, by its code and by its sentence alone (2.x), must lead to the same next step.
func TestKindOfRefusal(t *testing.T) {
	for code, want := range map[string]fault.Kind{
		"MDM_BUSY": fault.Temporary, "VOL_ALLOC_ERROR_BUSY": fault.Temporary, "TGT_ALREADY_ADDING_DEV": fault.Temporary, "MDM_NOT_CONNECTED": fault.Temporary,
		"VOL_MAP_TIMEOUT": fault.Temporary, "TGT_NOT_LISTENING_ON_PORT": fault.Temporary, "TGT_ADD_DEV_OPEN_ERROR": fault.Temporary,
		"FD_NOT_FOUND": fault.NotFound, "STORAGE_POOL_NOT_FOUND": fault.NotFound, "FAULT_SET_NOT_FOUND": fault.NotFound, "TGT_NOT_FOUND": fault.NotFound,
		"TGT_DEVICE_NOT_FOUND": fault.NotFound, "VOL_NOT_FOUND": fault.NotFound, "NOT_FOUND": fault.NotFound, "MDM_DOES_NOT_EXIST": fault.NotFound,
		"FD_NAME_IN_USE": fault.Conflict, "STORAGE_POOL_NAME_ALREADY_EXISTS": fault.Conflict, "FAULT_SET_NAME_ALREADY_EXISTS": fault.Conflict,
		"TGT_NAME_IN_USE": fault.Conflict, "TGT_ADDR_AND_PORT_IN_USE": fault.Conflict, "TGT_IP_ALREADY_EXISTS": fault.Conflict,
		"DEV_NAME_ALREADY_EXISTS": fault.Conflict, "DEV_PATH_ALREADY_EXISTS": fault.Conflict, "TGT_ALREADY_ATTACH_TO_OTHER_MDM": fault.Conflict,
		"TGT_ADD_DEV_IS_MOUNTED": fault.Denied, "TGT_ADD_DEV_IS_PARTITIONED": fault.Denied, "USER_CONTENT_DETECTED": fault.Denied,
		"TGT_ADD_DEV_SIZE_PROBLEM": fault.Denied, "DEV_ALREADY_TAKEN_BY_ANOTHER": fault.Denied, "MEDIA_TYPE_MISMATCH": fault.Denied,
		"NO_PERMISSIONS": fault.Denied, "TOO_MANY_DEVICES": fault.Denied, "INVALID_SPARE_PERCENTAGE": fault.Invalid, "INVALID_NAME": fault.Invalid,
	} {
		sentence := types.TranslateErrorCodeToErrorMessage(code)
		if sentence == "" {
			t.Errorf("%s is not in the MDM's catalogue", code)
			continue
		}
		detailed, _ := json.Marshal(map[string]any{"message": "Error with details", "httpStatusCode": 500, "details": []map[string]string{{"error": code}}})
		plain, _ := json.Marshal(map[string]any{"message": strings.TrimSuffix(sentence, ".") + " ", "httpStatusCode": 500, "errorCode": 7})
		for form, body := range map[string][]byte{"with details": detailed, "as 2.x": plain} {
			r := readRefusal(500, body)
			if r == nil || r.kind() != want {
				t.Errorf("%s %s: %+v is %v, expected %v", code, form, r, r.kind(), want)
				continue
			}
			if !strings.Contains(r.Error(), strings.TrimSuffix(strings.TrimSpace(sentence), ".")) {
				t.Errorf("%s %s: the MDM's sentence %q is not in %q", code, form, sentence, r)
			}
		}
	}
}

func TestReadRefusal(t *testing.T) {
	for body, want := range map[string]struct {
		kind fault.Kind
		text string
	}{
		`{"message":"Could not find the volume","httpStatusCode":500,"errorCode":79}`:                                     {fault.NotFound, "ScaleIO refuses: Could not find the volume (HTTP 500)"},
		`{"message":"never heard of","httpStatusCode":500,"errorCode":4711}`:                                              {fault.Temporary, "ScaleIO refuses: never heard of (HTTP 500)"},
		`{"message":"Error with details","details":[{"error":"FUTURE_CODE","errorMessage":"No."}]}`:                       {fault.Temporary, "ScaleIO refuses: No. (FUTURE_CODE)"},
		`{"message":"as a text","httpStatusCode":"500"}`:                                                                  {fault.Temporary, "ScaleIO refuses: as a text (HTTP 500)"},
		`{"http_status_code":500,"messages":[{"code":"PF0001","severity":"ERROR","message":"Platform says no"}]}`:         {fault.Temporary, "ScaleIO refuses: Platform says no (PF0001)"},
		`{"message":"Error with details","httpStatusCode":500,"details":[{"error":"MDM_BUSY","rc":1,"errorMessage":""}]}`: {fault.Temporary, "ScaleIO refuses: The system is busy. Retry later (MDM_BUSY)"},
	} {
		if r := readRefusal(500, []byte(body)); r == nil || r.kind() != want.kind || r.Error() != want.text {
			t.Errorf("%s: got %v, expected %q (%v)", body, r, want.text, want.kind)
		}
	}
	for _, body := range []string{"", "no JSON", page("Error"), "{}", "[]", `{"message":""}`} {
		if r := readRefusal(500, []byte(body)); r != nil {
			t.Errorf("%q: %v", body, r)
		}
	}
}

func FuzzReadRefusal(f *testing.F) {
	f.Add(500, []byte(`{"message":"Error with details","details":[{"error":"MDM_BUSY"}]}`))
	f.Add(404, []byte(page("x")))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if r := readRefusal(status, body); r != nil && (r.Error() == "" || r.kind() == fault.Internal) {
			t.Errorf("%+v", r)
		}
	})
}
