//! Scenario tests: the real service, real sockets, simulated phones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

mod alertmanager;
mod api_access;
mod api_answers;
mod api_contact;
mod api_description;
mod api_pages;
mod api_retry;
mod api_service;
mod api_status_command;
mod arguments;
mod browser;
mod chart;
mod chart_checks;
mod chart_tools;
mod day_world;
mod demo;
mod docs;
mod kube_audit;
mod kube_demo;
mod kube_documents;
mod kube_examples;
mod kube_kubectl;
mod kube_many;
mod kube_rbac;
mod kube_replicas;
mod kube_server;
mod kube_shards;
mod kube_takeover;
mod licences;
mod listener_contact;
mod listener_http;
mod listener_limits;
mod listener_proxy;
mod listener_support;
mod listener_tls;
mod readme_session;
mod receiver;
mod service_aftermath;
mod service_alertmanager;
mod service_alerts;
mod service_bad_input;
mod service_brake;
mod service_child;
mod service_commit_status;
mod service_drift;
mod service_export;
mod service_faults_items;
mod service_faults_messages;
mod service_faults_phones;
mod service_faults_report;
mod service_flows;
mod service_forgotten;
mod service_gate;
mod service_git;
mod service_hands_off;
mod service_handshake;
mod service_kill_loop;
mod service_killed;
mod service_lockout;
mod service_many;
mod service_metrics;
mod service_networks;
mod service_odd_phones;
mod service_owners;
mod service_plan;
mod service_poll;
mod service_report;
mod service_reset;
mod service_safety;
mod service_secret;
mod service_secret_commands;
mod service_secrets_changed;
mod service_stage;
mod service_standing;
mod service_status;
mod service_store_away;
mod service_undo;
mod service_windows;
mod service_wire_log;
mod sim_aftermath;
mod sim_dcmp;
mod sim_faults;
mod sim_flows;
mod sim_server;
mod simulated_day;
mod simulated_week;
mod source_dir;
mod source_git;
mod source_git_web;
mod store_away;
mod store_backup;
mod store_file;
mod store_history;
mod store_older;
mod validate;
mod web_browser;
mod web_events;
mod web_pages;
