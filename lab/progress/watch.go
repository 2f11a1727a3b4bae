package progress

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Watch fills the board from the scheduler at base (http://host:port) until ctx ends. It connects again when the stream ends, as it does
// when the scheduler is killed.
func Watch(ctx context.Context, base string, b *Board) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		// A scheduler that is not there yet, or not any more: nothing to tell anybody.
		if err := stream(ctx, client, base+"/v1/scaleio/events", b); err != nil {
			pause(ctx, 20*time.Millisecond)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func stream(ctx context.Context, client *http.Client, url string, b *Board) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	lines := bufio.NewReader(response.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		data, isData := strings.CutPrefix(line, "data:")
		if !isData {
			continue
		}
		var e Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return err
		}
		b.Apply(time.Now(), e)
	}
}
