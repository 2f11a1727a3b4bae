// Package stout reads and writes protobuf messages as JSON exactly as Mesos does: the texts of its errors, its field names
// (snake_case, camelCase is unknown), its order (declaration order), its numbers (a double always has a fraction), its treatment
// of enum names it does not know (dropped), and optional fields with a default (printed although unset).
//
// It works by reflection on the types that gogo/protobuf generated for mesos-go; their own JSON (ffjson) is of another opinion in
// each of these points. It is pure: no clock, no I/O, no goroutine; its only state is a cache of types, safe for concurrent use.
//
// Sources: 3rdparty/stout/include/stout/{json,jsonify,protobuf}.hpp of Apache Mesos c1b42f79d, traffic/mesos/08-http-errors.
package stout
