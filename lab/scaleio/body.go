package scaleio

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// body is what a request asks with. Clients send booleans as "TRUE", "true" or true and numbers as strings or numbers; an empty
// string is as good as nothing [scaleio.md §1.1].
type body map[string]any

// readBody takes an empty body, on GET too, as {} (goscaleio's Refresh sends GET with a body, scaleio.md §1.4).
func readBody(raw []byte) (body, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return body{}, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	b := body{}
	if err := decoder.Decode(&b); err != nil {
		return nil, bad(http.StatusBadRequest, "Could not read the request's JSON: %v", err)
	}
	return b, nil
}

func (b body) has(param string) bool {
	value, there := b[param]
	return there && value != nil && value != ""
}

func (b body) text(param string) string {
	switch value := b[param].(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	case bool:
		return strconv.FormatBool(value)
	}
	return ""
}

// must is text of a parameter without which there is nothing to do.
func (b body) must(param string) (string, error) {
	if !b.has(param) {
		return "", missing(param)
	}
	return b.text(param), nil
}

func missing(param string) error {
	return bad(http.StatusBadRequest, "Missing parameter %s", param)
}

// flag is false when absent.
func (b body) flag(param string) (bool, error) {
	if !b.has(param) {
		return false, nil
	}
	switch strings.ToLower(b.text(param)) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, bad(http.StatusBadRequest, "Invalid boolean value for %s", param)
}

// on is flag for parameters where anything unreadable is as good as no.
func (b body) on(param string) bool { yes, err := b.flag(param); return yes && err == nil }

func (b body) number(param string) (int64, error) {
	n, err := strconv.ParseInt(b.text(param), 10, 64)
	if err != nil {
		return 0, bad(http.StatusBadRequest, "Invalid number for %s", param)
	}
	return n, nil
}

// list takes an array of strings, or one string.
func (b body) list(param string) []string {
	switch value := b[param].(type) {
	case string:
		if value != "" {
			return []string{value}
		}
	case []any:
		var texts []string
		for _, one := range value {
			if text, ok := one.(string); ok {
				texts = append(texts, text)
			}
		}
		return texts
	}
	return nil
}

// objects takes an array of objects.
func (b body) objects(param string) []body {
	list, _ := b[param].([]any)
	var all []body
	for _, one := range list {
		if o, ok := one.(map[string]any); ok {
			all = append(all, o)
		}
	}
	return all
}

// A reader takes the value of one parameter, checked.
type reader func(b body, param string) (any, error)

func boolean(b body, param string) (any, error) { return b.flag(param) }

func text(b body, param string) (any, error) { return b.text(param), nil }

// oneOf takes one of the API's enum values.
func oneOf(values ...string) reader {
	return func(b body, param string) (any, error) {
		given := b.text(param)
		for _, value := range values {
			if value == given {
				return value, nil
			}
		}
		return nil, invalidEnum()
	}
}

func invalidEnum() error { return bad(http.StatusBadRequest, "Invalid enum value") }

// within takes a number between low and high; another one is refused by the MDM with code.
func within(low, high int64, code string) reader {
	return func(b body, param string) (any, error) {
		n, err := b.number(param)
		if err != nil {
			return nil, err
		}
		if n < low || n > high {
			return nil, refuse(code)
		}
		return n, nil
	}
}

func anyNumber(b body, param string) (any, error) { return b.number(param) }

// setting is a parameter of an action that ends up in a field of the object.
type setting struct {
	param, field string
	read         reader
	optional     bool
}

// apply reads every setting before it changes any field.
func apply(o *object, b body, settings []setting) error {
	values := make([]any, len(settings))
	for i, one := range settings {
		if !b.has(one.param) {
			if one.optional {
				continue
			}
			return missing(one.param)
		}
		value, err := one.read(b, one.param)
		if err != nil {
			return err
		}
		values[i] = value
	}
	for i, one := range settings {
		if values[i] != nil {
			o.settings[one.field] = values[i]
		}
	}
	return nil
}
