//go:build !unix

package durable

import (
	"errors"
	"os"
)

func renameAt(*os.File, string, *os.File, string) error { return errors.ErrUnsupported }

func createAt(*os.File, string, os.FileMode) (*os.File, error) { return nil, errors.ErrUnsupported }
