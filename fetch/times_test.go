package fetch

import "testing"

func TestTimesThatCannotBeWrittenAreNone(t *testing.T) {
	for _, text := range []string{"9999-12-31T23:59:59.999999999-23:00", "0001-01-01T00:00:00Z", "0000-12-31T00:00:00Z", "0001-12-31T23:00:00+23:00"} {
		got := parseTime(text)
		if !got.IsZero() && got.Year() != 1 {
			t.Errorf("%s is %v", text, got)
		}
		if _, err := got.MarshalJSON(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if got := parseTime("9999-12-31T23:59:59Z"); got.Year() != 9999 {
		t.Errorf("got %v", got)
	}
}
