use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use jiff::Timestamp;
use mfa_core::{
    delivery::{Channel, toll_fraud::Destination},
    factors::{
        AddressBook, AddressVerification, NativeFactors, TotpVerification, UserPoolFault,
        VerificationRequests,
        devices::{DeviceId, DeviceLabels, DeviceRegistry},
        enrolment::{FriendlyDeviceName, TotpSecret},
        preference::{Block, FactorState, PreferenceChange},
    },
    kernel::{AccessToken, EmailAddress, OneTimeCode, PhoneNumber, PoolFactor, UserId},
};

use super::{RACING, user};

/// Checks that each device has one label, and that users do not change each other's labels.
pub async fn device_labels(port: &dyn DeviceLabels) {
    let (alex, sam) = (user("labels-alex"), user("labels-sam"));
    let id = |digit: char| {
        let text = "us-east-1_a1b2c3d4-5678-40ab-9cde-f0123456789".to_owned() + &digit.to_string();
        DeviceId::parse(&text).expect("an id")
    };
    let name = |text: &str| FriendlyDeviceName::parse(text).expect("a name");
    assert_eq!(port.labels(&alex).await.expect("works"), BTreeMap::new());
    let racing = ('0'..='9').map(|digit| (id(digit), name("Laptop")));
    let racing: Vec<_> = racing.collect();
    join_all(racing.iter().map(|(id, name)| port.label(&alex, id, Some(name)))).await;
    assert_eq!(port.labels(&alex).await.expect("works"), racing.into_iter().collect(), "none is lost");
    for digit in '1'..='9' {
        port.label(&alex, &id(digit), None).await.expect("works");
    }
    port.label(&alex, &id('0'), Some(&name("Desk"))).await.expect("works");
    port.label(&sam, &id('0'), None).await.expect("there is none, and that is no fault");
    assert_eq!(port.labels(&alex).await.expect("works"), BTreeMap::from([(id('0'), name("Desk"))]));
    assert_eq!(port.labels(&sam).await.expect("works"), BTreeMap::new(), "users do not share");
}

/// Checks the life of an authenticator of a user without one. `code` computes the code that the app shows.
/// `revoke` signs the user out everywhere.
pub async fn native_factors(
    port: &dyn NativeFactors,
    token: &AccessToken,
    code: impl Fn(&TotpSecret) -> OneTimeCode,
    revoke: impl AsyncFnOnce(),
) {
    let totp = |enabled, preferred| PreferenceChange {
        blocks: [(PoolFactor::Totp, Block { enabled, preferred })].into(),
    };
    let factors = async || port.profile(token).await.expect("a valid token").factors;
    let verify = async |code: &OneTimeCode| port.verify_totp(token, code, None).await.expect("a valid token");
    let wrong = OneTimeCode::parse("000000").expect("a code");

    assert_eq!(factors().await, FactorState::default());
    assert_eq!(verify(&wrong).await, TotpVerification::NotStarted);
    let unverified = port.set_preference(token, &totp(true, true)).await;
    assert!(matches!(unverified, Err(UserPoolFault::FactorNotSetUp)), "{unverified:?}");

    let secret = port.associate_totp(token).await.expect("a valid token");
    assert!(secret.expose().len() >= 32, "at least 160 bits");
    let right = code(&secret);
    assert_eq!(verify(&wrong).await, TotpVerification::WrongCode);
    assert_eq!(verify(&right).await, TotpVerification::Verified);
    let again = verify(&right).await;
    assert!(
        matches!(again, TotpVerification::AlreadyUsed | TotpVerification::WrongCode),
        "a code works once: {again:?}"
    );
    assert_eq!(factors().await, FactorState::default(), "registered is not yet asked for");

    let on = FactorState { enabled: [PoolFactor::Totp].into(), preferred: Some(PoolFactor::Totp) };
    port.set_preference(token, &totp(true, true)).await.expect("a verified authenticator");
    assert_eq!(factors().await, on);
    port.set_preference(token, &PreferenceChange::default()).await.expect("nothing asked");
    assert_eq!(factors().await, on, "a factor without a block stays as it is");
    port.set_preference(token, &totp(true, false)).await.expect("a verified authenticator");
    assert_eq!(factors().await, FactorState { preferred: None, ..on });
    port.set_preference(token, &totp(false, false)).await.expect("a verified authenticator");
    assert_eq!(factors().await, FactorState::default());

    revoke().await;
    assert!(matches!(port.profile(token).await, Err(UserPoolFault::NotSignedIn)));
    assert!(matches!(port.associate_totp(token).await, Err(UserPoolFault::NotSignedIn)));
    assert!(matches!(port.set_preference(token, &totp(true, true)).await, Err(UserPoolFault::NotSignedIn)));
}

/// Checks that one of racing requests takes a channel. The channel is free after the wait, or when exactly
/// this request is given back.
pub async fn verification_requests(port: &dyn VerificationRequests) {
    let (alex, sam) = (user("address-codes-alex"), user("address-codes-sam"));
    let at = |millisecond| Timestamp::from_millisecond(millisecond).expect("a time");
    let take = async |user: &UserId, channel, now| {
        port.take(user, channel, at(now), at(now - 60_000)).await.expect("works")
    };
    let racing = join_all((0..RACING).map(|_| take(&alex, Channel::Email, 100_000))).await;
    assert_eq!(racing.into_iter().filter(|taken| *taken).count(), 1);
    assert!(take(&alex, Channel::Sms, 100_000).await, "channels do not share");
    assert!(take(&sam, Channel::Email, 100_000).await, "users do not share");
    assert!(!take(&alex, Channel::Email, 159_999).await);
    assert!(take(&alex, Channel::Email, 160_000).await);
    port.give_back(&alex, Channel::Email, at(100_000)).await.expect("works");
    assert!(!take(&alex, Channel::Email, 160_001).await, "an earlier one is not this one");
    port.give_back(&alex, Channel::Email, at(160_000)).await.expect("works");
    assert!(take(&alex, Channel::Email, 160_002).await);
    port.give_back(&user("address-codes-nobody"), Channel::Email, at(0)).await.expect("works");
}

/// Checks the address book of a user with a verified e-mail address and no phone number. `sent` returns the
/// newest code sent to an address. `revoke` acts as `GlobalSignOut`.
pub async fn address_book(
    port: &dyn AddressBook,
    token: &AccessToken,
    sent: impl Fn(&Destination) -> OneTimeCode,
    revoke: impl AsyncFnOnce(),
) {
    let verify =
        async |channel, code: &OneTimeCode| port.verify(token, channel, code).await.expect("a valid token");
    let wrong = OneTimeCode::parse("000000").expect("a code");
    let none = port.send_code(token, Channel::Sms).await;
    assert!(matches!(none, Err(UserPoolFault::NoAddress)), "{none:?}");
    assert_eq!(verify(Channel::Sms, &wrong).await, AddressVerification::Expired, "none was sent");

    let email = EmailAddress::parse("alex-anew@example.com").map(Destination::Email).expect("an address");
    let number = PhoneNumber::parse("+12025550187").map(Destination::Sms).expect("a number");
    for to in [email, number] {
        let channel = to.channel();
        if !port.change(token, &to).await.expect("a valid token") {
            port.send_code(token, channel).await.expect("an address");
        }
        assert_eq!(verify(channel, &wrong).await, AddressVerification::WrongCode);
        let code = sent(&to);
        assert_eq!(verify(channel, &code).await, AddressVerification::Verified);
        let again = verify(channel, &code).await;
        assert_ne!(again, AddressVerification::Verified, "a code is good once");
    }
    revoke().await;
    for channel in [Channel::Email, Channel::Sms] {
        let sent = port.send_code(token, channel).await;
        assert!(matches!(sent, Err(UserPoolFault::NotSignedIn)), "{sent:?}");
    }
}

/// Checks the remembered devices of a user. `devices` are more than Cognito returns in one page, and the
/// first of them is remembered.
pub async fn device_registry(
    port: &dyn DeviceRegistry,
    token: &AccessToken,
    devices: &[DeviceId],
    revoke: impl AsyncFnOnce(),
) {
    let kept = async || -> BTreeMap<DeviceId, bool> {
        let kept = port.devices(token).await.expect("a valid token");
        kept.into_iter().map(|device| (device.id, device.is_remembered)).collect()
    };
    assert!(devices.len() > 60);
    assert!(kept().await.keys().eq(devices.iter().collect::<BTreeSet<_>>()), "all of them");
    let (first, second) = (devices.first().expect("there are"), devices.get(1).expect("there are"));
    for remember in [false, true, true] {
        port.remember(token, first, remember).await.expect("it is there");
        assert_eq!(kept().await.get(first), Some(&remember));
    }
    port.forget(token, second).await.expect("it is there");
    let left = kept().await;
    assert_eq!((left.len(), left.contains_key(second)), (devices.len() - 1, false));
    for gone in [port.forget(token, second).await, port.remember(token, second, true).await] {
        assert!(matches!(gone, Err(UserPoolFault::DeviceNotFound)), "{gone:?}");
    }
    revoke().await;
    assert!(matches!(port.devices(token).await, Err(UserPoolFault::NotSignedIn)));
    assert!(matches!(port.forget(token, first).await, Err(UserPoolFault::NotSignedIn)));
}
