package pipeline

import "testing"

func TestPrintLeavesExpiriesOut(t *testing.T) {
	same := []string{
		`{"url":"u","urlExpiresAt":"2026-01-01T00:00:00Z","id":"a"}`,
		`{"url":"u","urlExpiresAt":"2027-05-25T23:21:19.5989604Z","id":"a"}`,
	}
	others := []string{
		`{"url":"u","urlExpiresAt":"2026-01-01T00:00:00Z","id":"b"}`,
		`{"url":"u","urlExpiresAt":null,"id":"b"}`,
		`{"url":"u","id":"a"}`,
		`{"url":"u","urlExpiresAt":"`,
	}
	want := print([]byte(same[0]))
	if print([]byte(same[1])) != want {
		t.Error("another expiry makes another print")
	}
	for _, o := range others {
		if print([]byte(o)) == want {
			t.Errorf("the same print for %s", o)
		}
	}
}
