// Compose's own reading of compose files: what `docker compose config` does before it asks a daemon anything.
//
//	compose FILE...         the merged project as JSON, or exit status 1 and what is wrong
//	compose --yaml FILE     any file of YAML as JSON
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"gopkg.in/yaml.v3"
)

func main() {
	text, err := answer(os.Args[1:])
	if err == nil {
		_, err = os.Stdout.Write(append(text, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(arguments []string) ([]byte, error) {
	if len(arguments) == 2 && arguments[0] == "--yaml" {
		return convert(arguments[1])
	}
	options, err := cli.NewProjectOptions(arguments, cli.WithOsEnv, cli.WithInterpolation(true))
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.MarshalJSON()
}

func convert(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}
