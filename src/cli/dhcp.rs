//! `phoneops dhcp`: the lines by which a DHCP server tells phones where their provisioning service is.
//! Asks nobody and changes nothing.

use clap::ValueEnum;
use miette::IntoDiagnostic;

use super::{Exit, serve::host};
use crate::wpi::discovery::{Discovery, VENDOR_CLASS};

/// Arguments of `phoneops dhcp`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address or name of the service as phones reach it
    #[arg(value_parser = host)]
    host: String,
    /// Its port for phones
    #[arg(long, env = "PHONEOPS_DHCP_PORT", value_name = "PORT", default_value_t = 18443, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Voice VLAN that phones are to move to
    #[arg(long, env = "PHONEOPS_DHCP_VLAN", value_name = "ID")]
    vlan: Option<u16>,
    /// Host name of the service in a sub-option of its own, for CP phones
    #[arg(long, env = "PHONEOPS_DHCP_NAME", value_name = "NAME", value_parser = host)]
    name: Option<String>,
    /// Only the lines of this server
    #[arg(long = "for", env = "PHONEOPS_DHCP_FOR", value_enum, value_name = "SERVER")]
    server: Option<Server>,
}

/// The DHCP servers whose language is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Server {
    /// dnsmasq.conf
    Dnsmasq,
    /// dhcpd.conf of ISC
    Dhcpd,
    /// kea-dhcp4.conf
    Kea,
}

/// Runs the command.
pub fn run(args: &Args) -> miette::Result<Exit> {
    print!("{}", text(args)?);
    Ok(Exit::Good)
}

fn text(args: &Args) -> miette::Result<String> {
    let Args { host, port, vlan, name, server } = args.clone();
    let discovery = Discovery { host, port, vlan, name };
    let bytes = discovery.option_43().into_diagnostic()?;
    if let Some(server) = server {
        return Ok(lines(server, &bytes));
    }
    let mut text = format!("# Phones that ask as {VENDOR_CLASS} are sent to {}.\n", discovery.url());
    for server in Server::value_variants() {
        text.extend(["\n", title(*server), "\n", &lines(*server, &bytes)]);
    }
    Ok(text)
}

fn title(server: Server) -> &'static str {
    match server {
        Server::Dnsmasq => "# dnsmasq: in dnsmasq.conf",
        Server::Dhcpd => "# ISC dhcpd: in dhcpd.conf, outside any subnet",
        Server::Kea => "# Kea: in \"Dhcp4\" of kea-dhcp4.conf",
    }
}

fn lines(server: Server, bytes: &[u8]) -> String {
    let hex = |between: &str| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between);
    match server {
        Server::Dnsmasq => {
            format!("dhcp-vendorclass=set:phones,{VENDOR_CLASS}\ndhcp-option=tag:phones,43,{}\n", hex(":"))
        }
        Server::Dhcpd => format!(
            "class \"phones\" {{\n  match if substring (option vendor-class-identifier, 0, {}) = \"{VENDOR_CLASS}\";\n  \
             option vendor-encapsulated-options {};\n}}\n",
            VENDOR_CLASS.len(),
            hex(":")
        ),
        Server::Kea => format!(
            "\"client-classes\": [\n  {{\n    \"name\": \"phones\",\n    \
             \"test\": \"substring(option[60].text,0,{}) == '{VENDOR_CLASS}'\",\n    \
             \"option-def\": [ {{ \"name\": \"vendor-encapsulated-options\", \"code\": 43, \"type\": \"binary\" }} ],\n    \
             \"option-data\": [ {{ \"name\": \"vendor-encapsulated-options\", \"csv-format\": false, \"data\": \"{}\" }} ]\n  \
             }}\n]\n",
            VENDOR_CLASS.len(),
            hex("")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(server: Option<Server>) -> Args {
        Args { host: "192.0.2.10".to_owned(), port: 18443, vlan: Some(110), name: None, server }
    }

    #[test]
    fn each_server_gets_its_own_lines() {
        insta::assert_snapshot!(text(&args(None)).unwrap());
    }

    #[test]
    fn the_lines_of_one_server_stand_alone() {
        let text = text(&args(Some(Server::Dnsmasq))).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.contains('#'));
    }

    #[test]
    fn a_vlan_that_does_not_exist_is_refused() {
        let error = text(&Args { vlan: Some(5000), ..args(None) }).unwrap_err();
        assert!(error.to_string().contains("VLAN 5000"), "{error}");
    }
}
