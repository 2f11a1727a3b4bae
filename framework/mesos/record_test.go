package mesos

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestRecordsAreCutWhateverTheChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 300)).Draw(t, "records")
		var wire bytes.Buffer
		for _, w := range want {
			fmt.Fprintf(&wire, "%d\n%s", len(w), w)
		}
		sizes := rapid.SliceOfN(rapid.IntRange(1, 40), 1, 20).Draw(t, "chunks")
		r := newRecords(&chunked{&wire, sizes, 0})
		for i, w := range want {
			got, err := r.next()
			if err != nil || !bytes.Equal(got, w) {
				t.Fatalf("record %d: got %q, %v; want %q", i, got, err, w)
			}
		}
		if got, err := r.next(); err != io.EOF {
			t.Fatalf("after the last record: got %q, %v; want EOF", got, err)
		}
	})
}

// chunked hands out from in pieces of the given sizes, round and round.
type chunked struct {
	from  io.Reader
	sizes []int
	i     int
}

func (c *chunked) Read(p []byte) (int, error) {
	n := min(len(p), c.sizes[c.i%len(c.sizes)])
	c.i++
	return c.from.Read(p[:n])
}

func TestRecordsThatMakeNoSenseAreErrors(t *testing.T) {
	for wire, want := range map[string]string{
		"":                      "EOF",
		"5":                     "unexpected EOF",
		"5\n":                   "unexpected EOF",
		"5\nabcd":               "unexpected EOF",
		"\n":                    `not RecordIO: '\n' in a record's length after 0 digits`,
		"-1\n":                  `not RecordIO: '-' in a record's length after 0 digits`,
		"+1\na":                 `not RecordIO: '+' in a record's length after 0 digits`,
		" 1\na":                 `not RecordIO: ' ' in a record's length after 0 digits`,
		"1\r\na":                `not RecordIO: '\r' in a record's length after 1 digits`,
		"0x1\na":                `not RecordIO: 'x' in a record's length after 1 digits`,
		"<html>":                `not RecordIO: '<' in a record's length after 0 digits`,
		"2147483647\n":          "a record of 2147483647 bytes, the limit is 67108864",
		"67108865\n":            "a record of 67108865 bytes, the limit is 67108864",
		"2147483648\n":          "not RecordIO: a record's length is above 2147483647",
		"9999999999\n":          "not RecordIO: a record's length is above 2147483647",
		"00000000001\na":        `not RecordIO: '1' in a record's length after 10 digits`,
		"9223372036854775808\n": "not RecordIO: a record's length is above 2147483647", // mesos-go panics
	} {
		_, err := newRecords(iotest.OneByteReader(strings.NewReader(wire))).next()
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", wire, err, want)
		}
	}
}

func TestRecordsBelieveNoLengthBeforeTheBytesAreThere(t *testing.T) {
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newRecords(strings.NewReader("67108864\nabc")).next()
		}
	}).AllocedBytesPerOp()
	if allocated > 3<<20 {
		t.Errorf("%d bytes allocated for a record of 64 MiB that has 3 bytes", allocated)
	}
}

func TestRecordsOfTheLargestSizeAreRead(t *testing.T) {
	body := bytes.Repeat([]byte("x"), maxRecord)
	r := newRecords(io.MultiReader(strings.NewReader("67108864\n"), bytes.NewReader(body), strings.NewReader("1\ny")))
	if got, err := r.next(); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	if got, err := r.next(); err != nil || string(got) != "y" {
		t.Fatalf("after it: got %q, %v", got, err)
	}
	if cap(r.buf) > step {
		t.Errorf("%d bytes are kept after a record of 64 MiB", cap(r.buf))
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte("5\nhello0\n3\nabc"), 3)
	f.Add([]byte("2147483648\n"), 1)
	f.Add([]byte("18446744073709551615\nx"), 7)
	f.Fuzz(func(t *testing.T, wire []byte, chunk int) {
		whole := all(bytes.NewReader(wire))
		cut := all(&chunked{bytes.NewReader(wire), []int{max(1, chunk%64)}, 0})
		if !slices.Equal(whole, cut) {
			t.Errorf("chunks matter: %q, %q", whole, cut)
		}
		if naive := byTheBook(wire); !slices.Equal(whole[:len(whole)-1], naive) {
			t.Errorf("%q gave %q, by the book it is %q", wire, whole, naive)
		}
	})
}

// byTheBook is a second, dumb implementation: every whole record from the front.
func byTheBook(wire []byte) (got []string) {
	for {
		head, rest, found := bytes.Cut(wire, []byte("\n"))
		n, err := strconv.ParseUint(string(head), 10, 31)
		if !found || err != nil || len(head) > 10 || n > maxRecord || int(n) > len(rest) {
			return got
		}
		got, wire = append(got, string(rest[:n])), rest[n:]
	}
}

// all gives the records of a stream and then the text of the error that ended it.
func all(from io.Reader) (got []string) {
	r := newRecords(from)
	for {
		b, err := r.next()
		if err != nil {
			return append(got, err.Error())
		}
		got = append(got, string(b))
	}
}
