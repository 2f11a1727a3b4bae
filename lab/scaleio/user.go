package scaleio

import (
	"net/http"
	"strings"
	"unicode"
)

func (u *user) kindName() string  { return "User" }
func (u *user) parents() []parent { return []parent{{"systemId", "System", u.system}} }
func (u *user) view(*System) fields {
	return fields{"userRole": u.role, "passwordChangeRequired": u.mustSet, "systemId": u.system}
}

var roles = oneOf("Monitor", "Configure", "Administrator", "Security", "FrontendConfig", "BackendConfig", "Superuser")

// adminRole is that of the first user: SuperUser [scaleio.md §3.2], as the API spells it.
func (s *System) adminRole() string { return "Superuser" }

func (s *System) addUser(name, password, role string, mustSet bool) *user {
	u := &user{object: object{s.ids.next("User"), name, fields{}}, password: password, role: role, mustSet: mustSet, system: s.id}
	s.users.insert(u)
	return u
}

func userKind() *kind {
	users := func(s *System) *table[*user] { return &s.users }
	return &kind{
		name: "User", absent: "USER_NOT_FOUND", find: found(users), all: every(users), create: createUser,
		actions: map[string]action{
			"setUserRole": do(func(_ *System, u *user, b body) error {
				_, err := roles(b, "userRole")
				if err == nil {
					u.role = b.text("userRole")
				}
				return err
			}),
			"removeUser": do(removeUser),
			"resetPassword": do(func(_ *System, u *user, b body) error {
				if err := checkPassword(b.text("password")); err != nil {
					return err
				}
				u.password, u.mustSet = b.text("password"), true
				return nil
			}),
		},
	}
}

func createUser(s *System, b body) (any, error) {
	name, err := b.must("name")
	if err != nil {
		return nil, err
	}
	if err := freshName(&s.users, "", name, "USER_ALREADY_EXIST"); err != nil {
		return nil, err
	}
	if _, err := roles(b, "userRole"); err != nil {
		return nil, err
	}
	if err := checkPassword(b.text("password")); err != nil {
		return nil, err
	}
	return fields{"id": s.addUser(name, b.text("password"), b.text("userRole"), true).id}, nil
}

func removeUser(s *System, u *user, _ body) error {
	if u.name == s.config.User {
		return refuse("USER_CAN_NOT_MODIFY_HIMSELF")
	}
	s.users.drop(u)
	s.sessions.end(func(one *session) bool { return one.user == u })
	return nil
}

// setPassword changes the password of the user who asks: the one call that a user with a first password may make.
func (s *System) setPassword(u *user, b body) error {
	switch {
	case u == nil:
		return bad(http.StatusUnauthorized, "Unauthorized")
	case b.text("oldPassword") != u.password:
		return refuse("OLD_PASSWORD_MISMATCH")
	case b.text("newPassword") == u.password:
		return refuse("PASSWORD_ALREADY_USED")
	}
	if err := checkPassword(b.text("newPassword")); err != nil {
		return err
	}
	u.password, u.mustSet = b.text("newPassword"), false
	s.sessions.end(func(one *session) bool { return one.user == u })
	return nil
}

// checkPassword wants three of four classes of characters and no blanks [scaleio.md §5.1].
func checkPassword(password string) error {
	var classes [4]bool
	for _, r := range password {
		switch {
		case unicode.IsUpper(r):
			classes[0] = true
		case unicode.IsLower(r):
			classes[1] = true
		case unicode.IsDigit(r):
			classes[2] = true
		default:
			classes[3] = true
		}
	}
	n := 0
	for _, has := range classes {
		if has {
			n++
		}
	}
	switch {
	case len(password) < 6: // the real minimum is not in any source
		return refuse("PASSWORD_TOO_SHORT")
	case n < 3 || strings.ContainsFunc(password, unicode.IsSpace):
		return refuse("PASSWORD_LACKS_DIVERSITY")
	}
	return nil
}
