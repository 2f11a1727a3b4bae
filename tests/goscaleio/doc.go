// Package goscaleio runs the integration tests of goscaleio v1.20.0 (inttests) against the lab's emulated gateway.
//
// They are a third party's, written for real systems: what passes here is not our opinion of the API. The package holds a test and
// nothing else; it is a module of its own so that the suite's dependencies stay out of the project's.
package goscaleio
