package libprocess

import (
	"slices"
	"strconv"
	"sync"
)

// Stream is the body of an answer that goes on: records written one HTTP chunk each, as long as the connection lasts.
type Stream struct {
	gone func() // called once, when the peer closed or broke the connection

	mu      sync.Mutex
	to      *conn // nil until the head is written
	queue   [][]byte
	ending  bool // the last chunk is queued: nothing follows
	broken  bool
	writing bool
	told    bool // gone was called, or will never be
}

// NewStream makes a stream; gone is called when the peer ends it (never after End or Break).
func NewStream(gone func()) *Stream { return &Stream{gone: gone} }

// Send queues one record, framed as RecordIO. After the end it does nothing.
func (s *Stream) Send(record []byte) {
	frame := strconv.AppendInt(make([]byte, 0, len(record)+12), int64(len(record)), 10)
	frame = append(append(frame, '\n'), record...)
	chunk := strconv.AppendInt(make([]byte, 0, len(frame)+12), int64(len(frame)), 16)
	chunk = append(append(append(chunk, "\r\n"...), frame...), "\r\n"...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending || s.broken {
		return
	}
	s.queue = append(s.queue, chunk)
	s.start()
}

// End queues the last chunk; the connection stays open.
func (s *Stream) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending || s.broken {
		return
	}
	s.ending, s.told = true, true
	s.queue = append(s.queue, []byte("0\r\n\r\n"))
	s.start()
}

// Break drops what is queued and closes the connection, as a killed process does.
func (s *Stream) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.told, s.queue = true, true, nil
	if s.to != nil {
		s.to.close()
	}
}

// start lets a goroutine write the queue, unless one does. Called with s.mu held.
func (s *Stream) start() {
	if s.writing || s.to == nil || len(s.queue) == 0 || !s.to.server.begin() {
		return
	}
	s.writing = true
	go s.write()
}

func (s *Stream) write() {
	defer s.to.server.end()
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.writing = false
			s.mu.Unlock()
			return
		}
		chunks := s.queue
		s.queue = nil
		s.mu.Unlock()
		if s.to.write(slices.Concat(chunks...)) != nil {
			s.to.close() // its reader sees it and tells whom it concerns
			return
		}
	}
}

// attach is called when the head has been written.
func (s *Stream) attach(to *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
	if s.broken {
		to.close()
		return
	}
	s.start()
}

// lost is called when the connection is gone.
func (s *Stream) lost() {
	s.mu.Lock()
	tell := !s.told
	s.told, s.broken, s.queue = true, true, nil
	s.mu.Unlock()
	if tell && s.gone != nil {
		s.gone()
	}
}
