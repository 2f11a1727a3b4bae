//go:build deps

package goscaleio

// What the suite is built from; its own package cannot be imported, as it logs in when it is.
import (
	_ "github.com/dell/goscaleio"
	_ "github.com/joho/godotenv"
	_ "github.com/stretchr/testify/assert"
)
