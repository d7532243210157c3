// Renders a chart as `helm template` does, as far as this chart goes: where helm is not installed, this is enough.
//
//	render [--notes] NAME NAMESPACE CHART [VALUES...]
//
// Values files lie over those of the chart and over each other, in this order. Prints the documents, or the notes.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type object = map[string]interface{}

// files are those of the chart that are no templates, by their path in it.
type files map[string]string

func (f files) Get(path string) string { return f[path] }

func (f files) Glob(pattern string) files {
	found := files{}
	for path, text := range f {
		if fits, _ := filepath.Match(pattern, path); fits {
			found[path] = text
		}
	}
	return found
}

type apiVersions []string

func (known apiVersions) Has(wanted string) bool {
	for _, version := range known {
		if version == wanted {
			return true
		}
	}
	return false
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func read(path string) object {
	text, err := os.ReadFile(path)
	fail(err)
	values := object{}
	fail(yaml.Unmarshal(text, &values))
	return values
}

// merge lays values over others; null takes a value out.
func merge(lower, upper object) {
	for key, value := range upper {
		above, isObject := value.(object)
		below, wasObject := lower[key].(object)
		switch {
		case value == nil:
			delete(lower, key)
		case isObject && wasObject:
			merge(below, above)
		default:
			lower[key] = value
		}
	}
}

func functions(all *template.Template) template.FuncMap {
	known := sprig.TxtFuncMap()
	delete(known, "env")
	delete(known, "expandenv")
	known["toYaml"] = func(value interface{}) string {
		text, err := yaml.Marshal(value)
		fail(err)
		return strings.TrimSuffix(string(text), "\n")
	}
	known["fromYaml"] = func(text string) object {
		value := object{}
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			value["Error"] = err.Error()
		}
		return value
	}
	known["include"] = func(name string, data interface{}) (string, error) {
		var text bytes.Buffer
		err := all.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	known["tpl"] = func(source string, data interface{}) (string, error) {
		var text bytes.Buffer
		copied, err := all.Clone()
		if err == nil {
			copied, err = copied.New("tpl").Parse(source)
		}
		if err == nil {
			err = copied.Execute(&text, data)
		}
		return text.String(), err
	}
	known["required"] = func(message string, value interface{}) (interface{}, error) {
		if text, isText := value.(string); value == nil || isText && text == "" {
			return nil, fmt.Errorf("%s", message)
		}
		return value, nil
	}
	// as in `helm template`, which asks no cluster
	known["lookup"] = func(string, string, string, string) object { return object{} }
	return known
}

func main() {
	arguments := os.Args[1:]
	notes := len(arguments) > 0 && arguments[0] == "--notes"
	if notes {
		arguments = arguments[1:]
	}
	if len(arguments) < 3 {
		fail(fmt.Errorf("render [--notes] NAME NAMESPACE CHART [VALUES...]"))
	}
	name, namespace, folder := arguments[0], arguments[1], arguments[2]
	values := read(filepath.Join(folder, "values.yaml"))
	for _, file := range arguments[3:] {
		merge(values, read(file))
	}
	chart := object{}
	for key, value := range read(filepath.Join(folder, "Chart.yaml")) {
		chart[strings.ToUpper(key[:1])+key[1:]] = value
	}

	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	others, names := files{}, []string{}
	fail(filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fail(err)
		inside, err := filepath.Rel(folder, path)
		fail(err)
		if !strings.HasPrefix(inside, "templates/") {
			others[inside] = string(text)
			return nil
		}
		inside = fmt.Sprintf("%s/%s", chart["Name"], inside)
		names = append(names, inside)
		_, err = all.New(inside).Parse(string(text))
		return err
	}))

	sort.Strings(names)
	for _, inside := range names {
		isNotes := filepath.Base(inside) == "NOTES.txt"
		if strings.HasPrefix(filepath.Base(inside), "_") || isNotes != notes {
			continue
		}
		var text bytes.Buffer
		fail(all.ExecuteTemplate(&text, inside, object{
			"Values": values, "Chart": chart, "Files": others,
			"Release":  object{"Name": name, "Namespace": namespace, "Service": "Helm", "Revision": 1, "IsInstall": true, "IsUpgrade": false},
			"Template": object{"Name": inside, "BasePath": fmt.Sprintf("%s/templates", chart["Name"])},
			"Capabilities": object{
				"KubeVersion": object{"Version": "v1.33.0", "Major": "1", "Minor": "33"},
				"APIVersions": apiVersions{"v1", "apps/v1", "policy/v1"},
			},
		}))
		plain := strings.ReplaceAll(text.String(), "<no value>", "")
		if notes {
			fmt.Print(plain)
		} else if strings.TrimSpace(plain) != "" {
			fmt.Printf("---\n# Source: %s\n%s\n", inside, strings.Trim(plain, "\n"))
		}
	}
}
