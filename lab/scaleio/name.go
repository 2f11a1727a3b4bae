package scaleio

import "unicode"

// checkName refuses what no object can be called: more than 31 characters, blanks, control characters [scaleio.md §5.1].
func checkName(name string) error {
	if len([]rune(name)) > 31 {
		return refuse("LONG_NAME")
	}
	for _, r := range name {
		if r > unicode.MaxASCII || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return refuse("INVALID_NAME")
		}
	}
	return nil
}

// freshName is a legal name that nothing in t has; none at all is fine. taken is the code for one that is in use.
func freshName[E entity](t *table[E], scope, name, taken string) error {
	if name == "" {
		return nil
	}
	if err := checkName(name); err != nil {
		return err
	}
	if _, there := t.named(scope, name); there {
		return refuse(taken)
	}
	return nil
}
