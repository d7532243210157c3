//! Discovery by DHCP: what option 43 says to a phone that asks with option 60 `OptiIpPhone`.

/// The vendor class that phones send in option 60.
pub const VENDOR_CLASS: &str = "OptiIpPhone";

/// Most bytes of one DHCP option.
const OPTION_LIMIT: usize = 255;
/// The marker of sub-option 1, in its form of 7 bytes.
const MARKER: &[u8] = b"Siemens";
/// What ends the sub-options.
const END: u8 = 0xFF;

/// What phones are told of their provisioning service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// Address or name of the service, as phones reach it.
    pub host: String,
    /// Its port, 18443 as a rule.
    pub port: u16,
    /// The voice VLAN (sub-option 2).
    pub vlan: Option<u16>,
    /// The host name of the service in a sub-option of its own, which CP phones read (sub-option 4).
    pub name: Option<String>,
}

/// Why there is no such option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// More than an option or a sub-option holds.
    #[error("option 43 holds {OPTION_LIMIT} bytes, and this makes {0}; use a shorter name")]
    TooLong(usize),
    /// No VLAN has this number.
    #[error("VLAN {0} does not exist; they go from 1 to 4094")]
    Vlan(u16),
}

impl Discovery {
    /// The content of option 43: sub-options as tag, length and value, closed by FF.
    pub fn option_43(&self) -> Result<Vec<u8>, DiscoveryError> {
        let mut bytes = Vec::new();
        sub_option(&mut bytes, 1, MARKER)?;
        if let Some(vlan) = self.vlan {
            if !(1..=4094).contains(&vlan) {
                return Err(DiscoveryError::Vlan(vlan));
            }
            sub_option(&mut bytes, 2, &u32::from(vlan).to_be_bytes())?;
        }
        sub_option(&mut bytes, 3, self.url().as_bytes())?;
        if let Some(name) = &self.name {
            sub_option(&mut bytes, 4, name.as_bytes())?;
        }
        bytes.push(END);
        if bytes.len() > OPTION_LIMIT {
            return Err(DiscoveryError::TooLong(bytes.len()));
        }
        Ok(bytes)
    }

    /// The address as sub-option 3 has it.
    pub fn url(&self) -> String {
        let brackets = self.host.contains(':') && !self.host.starts_with('[');
        let host = if brackets { format!("[{}]", self.host) } else { self.host.clone() };
        format!("sdlp://{host}:{}", self.port)
    }
}

fn sub_option(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) -> Result<(), DiscoveryError> {
    let length = u8::try_from(value.len()).map_err(|_| DiscoveryError::TooLong(bytes.len() + value.len() + 2))?;
    bytes.extend([tag, length]);
    bytes.extend(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discovery(host: &str) -> Discovery {
        Discovery { host: host.to_owned(), port: 18443, vlan: None, name: None }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_example_of_r_403_comes_out_byte_for_byte() {
        assert_eq!(
            hex(&discovery("192.0.2.10").option_43().unwrap()),
            "01 07 53 69 65 6D 65 6E 73 03 17 73 64 6C 70 3A 2F 2F 31 39 32 2E 30 2E 32 2E 31 30 3A 31 38 34 34 33 FF"
        );
    }

    #[test]
    fn a_vlan_has_four_bytes_and_a_name_comes_last() {
        let full = Discovery { vlan: Some(260), name: Some("dls".to_owned()), ..discovery("h") };
        let bytes = hex(&full.option_43().unwrap());
        assert!(bytes.contains("02 04 00 00 01 04 03 0E"), "{bytes}");
        assert!(bytes.ends_with("04 03 64 6C 73 FF"), "{bytes}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for host in ["x".repeat(240), "x".repeat(300)] {
            assert!(matches!(discovery(&host).option_43(), Err(DiscoveryError::TooLong(_))));
        }
        for vlan in [0, 4095] {
            let wrong = Discovery { vlan: Some(vlan), ..discovery("h") };
            assert_eq!(wrong.option_43(), Err(DiscoveryError::Vlan(vlan)));
        }
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        assert_eq!(discovery("2001:db8::1").url(), "sdlp://[2001:db8::1]:18443");
        assert_eq!(discovery("[2001:db8::1]").url(), "sdlp://[2001:db8::1]:18443");
    }
}
