//! What each argument and the answer of a handler add to the description of its route.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::HeaderMap,
};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::Operation;
use crate::report::{
    access::Actor,
    parameters::Parameters,
    problem::{ErrorBody, Problem},
};

/// A handler whose arguments and answer can be described. `D` is the list of its arguments.
pub(in crate::report) trait Describe<D> {
    fn describe(operation: &mut Operation);
}

/// An argument of a handler.
pub(in crate::report) trait Takes {
    /// Adds what it takes out of a request; most take nothing that a caller sends.
    fn describe(_: &mut Operation) {}
}

/// The answer of a handler.
pub(in crate::report) trait Answers {
    fn describe(operation: &mut Operation);
}

macro_rules! handlers {
    ($($argument:ident)*) => {
        impl<F, R, $($argument: Takes),*> Describe<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R,
            R: Future,
            R::Output: Answers,
        {
            fn describe(operation: &mut Operation) {
                $($argument::describe(operation);)*
                R::Output::describe(operation);
            }
        }
    };
}

handlers!();
handlers!(A);
handlers!(A B);
handlers!(A B C);
handlers!(A B C D);

impl<S> Takes for State<S> {}
impl Takes for Extension<Actor> {}
impl Takes for HeaderMap {}
/// It stands in the path already.
impl Takes for Path<String> {}

impl<T: JsonSchema> Takes for Parameters<T> {
    fn describe(operation: &mut Operation) {
        let schema = T::json_schema(&mut operation.asked);
        let is_required = |name: &str| {
            let required = schema.get("required").and_then(Value::as_array);
            required.is_some_and(|required| required.iter().any(|required| required == name))
        };
        for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let mut schema = given(schema);
            let what = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            operation.parameters.push(json!({
                "name": name,
                "in": "query",
                "required": is_required(name),
                "description": what,
                "schema": schema,
            }));
        }
    }
}

/// The schema of a parameter that is given: nobody sends null.
fn given(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(types) = schema.get_mut("type").filter(|types| types.is_array()) {
        let one = types.as_array().and_then(|types| types.iter().find(|word| *word != "null")).cloned();
        *types = one.unwrap_or_default();
    }
    let any = schema.get("anyOf").and_then(Value::as_array);
    if let Some(Value::Object(one)) = any.and_then(|any| any.iter().find(|one| one.get("$ref").is_some())).cloned()
        && let Some(schema) = schema.as_object_mut()
    {
        schema.remove("anyOf");
        schema.extend(one);
    }
    schema
}

impl Operation {
    /// Adds the body of a request.
    pub(in crate::report) fn takes<T: JsonSchema>(&mut self) {
        let schema = self.asked.subschema_for::<T>();
        self.body = Some(json!({ "required": true, "content": { "application/json": { "schema": schema } } }));
    }

    /// The schema of a type that is answered, as a reference where it has a name.
    pub(in crate::report) fn named<T: JsonSchema>(&mut self) -> Schema {
        self.answered.subschema_for::<T>()
    }

    /// Adds an answer with JSON.
    pub(in crate::report) fn answers<T: JsonSchema>(&mut self, status: u16, what: &str) {
        let schema = self.named::<T>();
        self.answer(status, what, "application/json", schema.as_value());
    }

    /// Adds that whatever goes wrong is answered as a [`Problem`].
    pub(super) fn says_no(&mut self) {
        let schema = self.named::<ErrorBody>();
        let what = "Says no, with a stable code and a sentence.";
        let answer = json!({ "description": what, "content": { "application/json": { "schema": schema } } });
        self.answers.insert("default".to_owned(), answer);
    }

    /// Adds an answer.
    pub(in crate::report) fn answer(&mut self, status: u16, what: &str, media: &str, schema: &Value) {
        let answer = json!({ "description": what, "content": { media: { "schema": schema } } });
        self.answers.insert(status.to_string(), answer);
    }
}

impl<T: JsonSchema> Answers for Json<T> {
    fn describe(operation: &mut Operation) {
        operation.answers::<T>(200, "What was asked for.");
    }
}

impl<T: Answers> Answers for Result<T, Problem> {
    fn describe(operation: &mut Operation) {
        T::describe(operation);
    }
}
