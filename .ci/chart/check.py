"""What a cluster would refuse of rendered manifests, and values that the schema of the chart refuses.

    check.py manifests FILE...          each document against the strict schemas of each version
    check.py values SCHEMA FILE...      each file of values against the schema

Prints one line for each document and version that was looked at, or each file; problems go to standard error, exit code 1.
Kinds without a schema (those of other projects, and our own) are named on lines that begin with `unknown`.
"""

import json
import sys

import jsonschema
import kubernetes_validate
import yaml

VERSIONS = ["1.33", "1.34", "1.35", "1.36", "1.37"]


def manifests(files):
    bad = False
    for file in files:
        with open(file, encoding="utf-8") as text:
            documents = [document for document in yaml.safe_load_all(text) if document]
        for document in documents:
            name = f"{document['kind']}/{document['metadata']['name']}"
            for version in VERSIONS:
                try:
                    used = kubernetes_validate.validate(document, version, strict=True)
                    if used != version:
                        raise SystemExit(f"there are no schemas of {version}: {used} was taken")
                    print(f"good {version} {name}")
                except kubernetes_validate.SchemaNotFoundError:
                    print(f"unknown {version} {name}")
                except kubernetes_validate.ValidationError as error:
                    bad = True
                    place = ".".join(str(part) for part in error.path)
                    print(f"{version} {name}: {place}: {error.message}", file=sys.stderr)
    return bad


def values(schema, files):
    with open(schema, encoding="utf-8") as text:
        schema = json.load(text)
    jsonschema.Draft7Validator.check_schema(schema)
    bad = False
    for file in files:
        with open(file, encoding="utf-8") as text:
            content = yaml.safe_load(text) or {}
        for error in jsonschema.Draft7Validator(schema).iter_errors(content):
            bad = True
            place = ".".join(str(part) for part in error.absolute_path)
            print(f"{file}: {place}: {error.message}", file=sys.stderr)
        print(f"looked at {file}")
    return bad


what, *rest = sys.argv[1:]
sys.exit(manifests(rest) if what == "manifests" else values(rest[0], rest[1:]))
