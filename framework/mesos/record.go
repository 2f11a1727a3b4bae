package mesos

import (
	"bufio"
	"fmt"
	"io"
)

const (
	// maxRecord bounds what one record may make us hold. Mesos itself has no limit; OFFERS of 100 000 agents at once
	// are 48 MB (reference/mesos-go.md §5).
	maxRecord = 64 << 20
	// maxLength is the largest length that is a length at all: Mesos writes lengths of protobuf messages, which
	// end at 2^31-1.
	maxLength = 1<<31 - 1
	// step is how much is read before more room is made: a length is a claim until the bytes are there.
	step = 1 << 20
)

// records cuts a stream of bytes into RecordIO records: a decimal length, "\n", so many bytes.
type records struct {
	from *bufio.Reader
	buf  []byte // of the last record; kept unless it grew beyond step
}

func newRecords(from io.Reader) *records { return &records{from: bufio.NewReaderSize(from, 64<<10)} }

// next gives the next record, which is valid until next is called again. io.EOF means that the stream ended between
// two records, io.ErrUnexpectedEOF that it ended within one.
func (r *records) next() ([]byte, error) {
	n, err := r.length()
	if err != nil {
		return nil, err
	}
	if cap(r.buf) > step {
		r.buf = nil
	}
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		had := len(r.buf)
		want := min(n-had, step)
		r.buf = append(r.buf, make([]byte, want)...)
		if _, err := io.ReadFull(r.from, r.buf[had:]); err != nil {
			return nil, within(err)
		}
	}
	return r.buf, nil
}

// length reads up to the "\n". Only digits will do: whatever else stands there, the stream is no longer understood.
func (r *records) length() (int, error) {
	n, digits := 0, 0
	for {
		b, err := r.from.ReadByte()
		switch {
		case err != nil && digits == 0:
			return 0, err
		case err != nil:
			return 0, within(err)
		case b == '\n' && digits > 0:
			if n > maxRecord {
				return 0, fmt.Errorf("a record of %d bytes, the limit is %d", n, maxRecord)
			}
			return n, nil
		case b < '0' || b > '9' || digits == 10:
			return 0, fmt.Errorf("not RecordIO: %q in a record's length after %d digits", b, digits)
		}
		n, digits = n*10+int(b-'0'), digits+1
		if n > maxLength {
			return 0, fmt.Errorf("not RecordIO: a record's length is above %d", maxLength)
		}
	}
}

// within turns the end of the stream in the middle of a record into what it is.
func within(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
