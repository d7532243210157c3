"""Whether a description of an API is sound, and whether answers are what it says.

    openapi.py DESCRIPTION ANSWERS

DESCRIPTION is a document of OpenAPI 3.1. ANSWERS is a JSON list of {"path", "method", "status", "body"}, with paths as the
description writes them; "body" is the text of a JSON answer, or null where only the status is to be known. Prints a line for
each answer that was looked at; problems go to standard error, exit code 1.
"""

import json
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

with open(sys.argv[1], encoding="utf-8") as text:
    document = json.load(text)
with open(sys.argv[2], encoding="utf-8") as text:
    answers = json.load(text)

bad = False


def problem(text):
    global bad
    bad = True
    print(text, file=sys.stderr)


for error in OpenAPIV31SpecValidator(document).iter_errors():
    problem(f"the description: {'.'.join(str(part) for part in error.absolute_path)}: {error.message}")

ADDRESS = "urn:description"
registry = Registry().with_resource(ADDRESS, Resource(contents=document, specification=DRAFT202012))


def pointed(*parts):
    return ADDRESS + "#" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


for answer in answers:
    path, method, status = answer["path"], answer["method"], str(answer["status"])
    name = f"{method} {path} {status}"
    described = document["paths"].get(path, {}).get(method)
    if described is None:
        problem(f"{name}: there is no such route")
        continue
    status = status if status in described["responses"] else "default"
    content = described["responses"].get(status, {}).get("content", {})
    if status == "default" and answer["status"] < 400 or not content:
        problem(f"{name}: it does not say that this may be the answer")
        continue
    if answer["body"] is None:
        print(name)
        continue
    where = pointed("paths", path, method, "responses", status, "content", "application/json", "schema")
    validator = Draft202012Validator({"$ref": where}, registry=registry)
    for error in validator.iter_errors(json.loads(answer["body"])):
        problem(f"{name}: {'.'.join(str(part) for part in error.absolute_path)}: {error.message}")
    print(name)

sys.exit(bad)
