package sandbox

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestVendorClient runs the vendor's own JavaScript client, unchanged,
// against a sandbox. It needs node and an installed @civitai/client.
func TestVendorClient(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	dir := os.Getenv("CIVITAR_NPM_DIR")
	if err != nil || dir == "" {
		t.Skip("SKIPPED: the check against the vendor's client needs node on the PATH and CIVITAR_NPM_DIR, " +
			"a directory in which `npm install @civitai/client` was run")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@civitai", "client", "package.json")); err != nil {
		t.Skipf("SKIPPED: CIVITAR_NPM_DIR has no node_modules/@civitai/client: %v", err)
	}
	script, err := filepath.Abs("testdata/client.mjs")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{Workflows: 60})
	cmd := exec.CommandContext(t.Context(), node, script, dir, s.url, DefaultToken)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !bytes.Contains(out, []byte("all checks passed")) {
		t.Errorf("client: %v", err)
	}
}
