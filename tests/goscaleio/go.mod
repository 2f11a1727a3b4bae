module github.com/dcos-scaleio/scaleio/tests/goscaleio

go 1.26.0

require (
	github.com/dcos-scaleio/scaleio v0.0.0
	github.com/dell/goscaleio v1.20.0
	github.com/joho/godotenv v1.5.1
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
)

require (
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/hashicorp/errwrap v1.0.0 // indirect
	github.com/hashicorp/go-multierror v1.1.1 // indirect
	github.com/kr/text v0.2.0 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/dcos-scaleio/scaleio => ../..

// The suite runs with the testify that goscaleio v1.20.0 names; the project's own go.mod would raise it.
replace github.com/stretchr/testify => github.com/stretchr/testify v1.10.0
