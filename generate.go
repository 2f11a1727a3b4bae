// Package scaleio holds nothing but the directive that makes the mocks.
package scaleio

//go:generate go tool mockery --log-level warn
