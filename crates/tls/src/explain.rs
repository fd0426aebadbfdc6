//! Failed handshakes in words an operator can act on.
//!
//! The side that refuses has a [`Refusal`]; the side refused gets an alert code and nothing else (PROTOCOL 6.2), so its
//! text says where the reason is to be found.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::refusal::Refusal;

/// What went wrong with a connection, from the error of its handshake, a read or a write.
pub fn refusal_text(error: &io::Error) -> String {
    if let Some(refusal) = refusal_in(error) {
        return refusal.to_string();
    }
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return error_text(tls);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            format!("the peer closed the connection without a reason ({error}); its log may have one")
        }
        _ => error.to_string(),
    }
}

/// The [`Refusal`] in the error of a connection, where it was this side that refused.
pub fn refusal_in(error: &io::Error) -> Option<&Refusal> {
    let mut next: Option<&(dyn StdError + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(current) = next {
        if let Some(refusal) = current.downcast_ref::<Refusal>() {
            return Some(refusal);
        }
        if let Some(Error::InvalidCertificate(CertificateError::Other(other))) = current.downcast_ref::<Error>() {
            return other.0.downcast_ref::<Refusal>();
        }
        next = current.source();
    }
    None
}

/// The words for an error of rustls.
pub fn error_text(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => other.0.to_string(),
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "the peer could not prove that it holds the key of its certificate".to_owned()
        }
        Error::NoCertificatesPresented => Refusal::NoCertificate.to_string(),
        Error::AlertReceived(alert) => alert_text(*alert),
        Error::NoApplicationProtocol => Refusal::OtherApplication.to_string(),
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls13RequiredForQuic
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => {
            "the peer offered no TLS 1.3, and nothing older is accepted; it is another service, or a proxy that breaks \
              TLS open"
                .to_owned()
        }
        Error::PeerIncompatible(why) => format!("the peer's TLS does not fit ({why:?}); is it an smpcd node?"),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            format!("what answers is no TLS 1.3 peer ({error}); check the address, and proxies on the way")
        }
        other => other.to_string(),
    }
}

/// The words for an alert: it is the *peer* that ended the connection.
fn alert_text(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateUnknown
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::DecryptError => format!(
            "the peer refused this node's certificate (TLS alert {}); its log says why. Often it has not taken in this \
             node's newest card, or the certificate has run out: see `smpcd certs show`",
            alert_name(alert)
        ),
        Alert::CertificateRequired | Alert::NoCertificate => {
            "the peer wants a certificate and got none; check `tls.certificate` of this node".to_owned()
        }
        Alert::ProtocolVersion => {
            "the peer does not accept this version of TLS (TLS alert protocol_version); smpcd nodes speak TLS 1.3 only"
                .to_owned()
        }
        Alert::HandshakeFailure | Alert::InsufficientSecurity => format!(
            "the peer shares no TLS 1.3 suite, key exchange or signature with this node (TLS alert {}); is it an smpcd \
             node?",
            alert_name(alert)
        ),
        Alert::NoApplicationProtocol => {
            "the peer does not speak this version of the smpcd protocol (TLS alert no_application_protocol); compare \
             `smpcd --version` at both ends"
                .to_owned()
        }
        other => format!("the peer ended the connection (TLS alert {})", alert_name(other)),
    }
}

/// The name of RFC 8446, where there is one: `CertificateUnknown` is `certificate_unknown`.
fn alert_name(alert: AlertDescription) -> String {
    let mut name = String::new();
    let mut after_small = false;
    for c in format!("{alert:?}").chars() {
        if c.is_ascii_uppercase() && after_small {
            name.push('_');
        }
        after_small = c.is_ascii_lowercase();
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;

    use super::*;

    #[test]
    fn alerts_have_the_names_of_the_rfc() {
        assert_eq!(alert_name(AlertDescription::CertificateUnknown), "certificate_unknown");
        assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(alert_name(AlertDescription::NoApplicationProtocol), "no_application_protocol");
    }

    #[test]
    fn the_refusal_is_found_in_the_io_error() {
        let refusal = Refusal::OtherAuthority { party: "acme".to_owned() };
        let tls = Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal.clone()))));
        assert_eq!(error_text(&tls), refusal.to_string());
        let io = io::Error::new(io::ErrorKind::InvalidData, tls);
        assert_eq!(refusal_in(&io), Some(&refusal));
        assert_eq!(refusal_text(&io), refusal.to_string());
        let own = io::Error::other(refusal.clone());
        assert_eq!(refusal_in(&own), Some(&refusal));
    }

    #[test]
    fn other_errors_have_words_and_no_refusal() {
        let io = io::Error::new(io::ErrorKind::InvalidData, Error::AlertReceived(AlertDescription::ProtocolVersion));
        assert_eq!(refusal_in(&io), None);
        assert!(refusal_text(&io).contains("TLS 1.3 only"));
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(refusal_text(&reset).contains("without a reason"));
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(refusal_text(&refused), refused.to_string());
    }
}
