//! The routes of the API, and its description, from one table: what a route takes and answers is read off the types of its
//! handler, so that the description says what the program does.
//!
//! - [`operation`]: what the arguments and the answer of a handler add to the description

mod operation;

use std::{convert::Infallible, sync::LazyLock};

use axum::{
    Router,
    handler::Handler,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use schemars::{
    SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};

pub(super) use self::operation::{Answers, Describe, Takes};

/// Where the description is.
pub const PATH: &str = "/api/v1/openapi.json";
/// The version of `OpenAPI` that it is written in.
const OPENAPI: &str = "3.1.0";

/// Routes of one state, each with its description.
pub(super) struct Routes<S = super::api::Served> {
    router: Router<S>,
    operations: Vec<Described>,
}

struct Described {
    path: &'static str,
    method: Method,
    about: About,
    describe: fn(&mut Operation),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Post,
}

/// What people call a route, and what it does, in a sentence.
#[derive(Debug, Clone, Copy)]
pub(super) struct About(pub(super) &'static str, pub(super) &'static str);

/// What is gathered of one route.
pub(super) struct Operation {
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Map<String, Value>,
    asked: SchemaGenerator,
    answered: SchemaGenerator,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(super) fn new() -> Self {
        Self { router: Router::new(), operations: Vec::new() }
    }

    /// A route that is read.
    pub(super) fn read<H: Handler<T, S> + Describe<D>, T: 'static, D>(
        self,
        path: &'static str,
        about: About,
        handler: H,
    ) -> Self {
        self.with::<H, D>(path, Method::Get, about, get(handler))
    }

    /// A route that something is sent to.
    pub(super) fn send<H: Handler<T, S> + Describe<D>, T: 'static, D>(
        self,
        path: &'static str,
        about: About,
        handler: H,
    ) -> Self {
        self.with::<H, D>(path, Method::Post, about, post(handler))
    }

    fn with<H: Describe<D>, D>(
        mut self,
        path: &'static str,
        method: Method,
        about: About,
        route: MethodRouter<S, Infallible>,
    ) -> Self {
        self.router = self.router.route(path, route);
        self.operations.push(Described { path, method, about, describe: H::describe });
        self
    }

    /// The routes alone.
    pub(super) fn router(self) -> Router<S> {
        self.router
    }
}

/// The description of the whole API.
pub fn document() -> Value {
    let mut operation = Operation::new();
    let mut paths = Map::new();
    let tables = [super::routes::routes().operations, super::events::routes().operations];
    for described in tables.into_iter().flatten() {
        let methods = paths.entry(described.path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(described.method.word().to_owned(), operation.of(&described));
        }
    }
    let mut schemas = operation.asked.take_definitions(true);
    schemas.extend(operation.answered.take_definitions(true));
    schemas.sort_keys();
    json!({
        "openapi": OPENAPI,
        "info": {
            "title": "phoneops",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "GitOps for desk phones: what phones are wanted to have, what they have, and what is done about it.",
            "description": ABOUT,
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of the file that `--tokens` names." },
            },
        },
    })
}

const ABOUT: &str = "Facts that are absent are null, secrets are `***`, times are RFC 3339 in UTC. Lists come in pages: \
                     `continue` of an answer is the parameter `continue` of the next request, and null on the last page. \
                     Whatever says no has a stable code and a sentence. Away from loopback all but `/healthz` and `/readyz` \
                     needs a token; what acts needs one everywhere, or the Unix socket in the state folder.";

impl Method {
    fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
        }
    }
}

impl Operation {
    fn new() -> Self {
        let generator = |contract| {
            let settings = SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
                settings.contract = contract;
            });
            settings.into_generator()
        };
        Self {
            parameters: Vec::new(),
            body: None,
            answers: Map::new(),
            asked: generator(Contract::Deserialize),
            answered: generator(Contract::Serialize),
        }
    }

    /// The description of one route; the schemas it needs stay here.
    fn of(&mut self, described: &Described) -> Value {
        let Described { path, method, about: About(id, summary), describe } = *described;
        let is_free = matches!(path, "/healthz" | "/readyz");
        self.parameters = of_path(path).collect();
        describe(self);
        if !is_free {
            self.says_no();
        }
        let mut operation = json!({
            "operationId": id,
            "summary": summary,
            "tags": [path.strip_prefix("/api/v1/").and_then(|path| path.split('/').next()).unwrap_or("process")],
            "parameters": std::mem::take(&mut self.parameters),
            "responses": std::mem::take(&mut self.answers),
            "security": match method {
                _ if is_free => json!([]),
                Method::Post if path != super::plan::PATH => json!([{ "token": [] }]),
                _ => json!([{}, { "token": [] }]),
            },
        });
        if let (Some(body), Some(operation)) = (self.body.take(), operation.as_object_mut()) {
            operation.insert("requestBody".to_owned(), body);
        }
        operation
    }
}

/// The parameters in a path.
fn of_path(path: &str) -> impl Iterator<Item = Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        let what = match name {
            "phone" => "The name of the phone's document, or its MAC; a name wins.",
            _ => "Its whole name.",
        };
        json!({ "name": name, "in": "path", "required": true, "description": what, "schema": { "type": "string" } })
    })
}

/// `GET /api/v1/openapi.json`
pub(super) async fn openapi() -> Document {
    Document
}

/// The description as an answer.
pub(super) struct Document;

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], TEXT.as_str()).into_response()
    }
}

impl Answers for Document {
    fn describe(operation: &mut Operation) {
        operation.answer(200, "This description.", "application/json", &json!({ "type": "object" }));
    }
}
