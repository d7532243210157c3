//! The contact-me form: the plain HTTP request that asks a phone to open a session.
