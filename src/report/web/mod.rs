//! The web page: the fleet at a glance, its phones, its revisions. Read-only but for "contact now".
//!
//! - `routes`: from a request to a page; [`glance`]: what stands on all pages, worked out once for many requests
//! - `frame`: what is around each page; `bits`: words, numbers, times and links, each written in one way
//! - `overview`, `phones`, `phone`, `items`, `revisions`, `undeclared`, `guide`: the pages, pure functions from what is
//!   known to HTML
//! - `declare`: the YAML that would declare a phone
//! - `drawing`: style, script and signs, served from the binary; `protect`: the headers that keep all else out
//!
//! Pages are made on the server and work without a script. With it they follow `GET /api/v1/events`: when something has
//! changed the script asks for the same page again and replaces the parts that are other ones (`data-live`), so there is
//! one way to make a page. Whatever comes from phones, documents or people is escaped by the templates.

mod bits;
mod declare;
mod drawing;
mod frame;
mod glance;
mod guide;
mod items;
mod overview;
mod phone;
mod phones;
mod protect;
mod revisions;
mod routes;
mod undeclared;

#[cfg(test)]
mod tests;

pub(super) use drawing::is_drawing;
pub(super) use protect::protect;
pub(super) use routes::{or_page, routes};
