//! Walks through every sequence of an attacker's operations up to a depth. The walk uses the real sign-in
//! steps, the real token gate and the real guard of the MFA API, on a table in memory.
//!
//! The attacker holds a set of things. Independent things are counted as `docs/security/assurance.md` counts
//! proofs: a mailbox that resets the password includes the password. After each operation two properties must
//! hold for every user who has a factor that counts:
//! - No token states a level above the attacker's things. An attacker who holds one thing gets no token at a
//!   client that asks for two proofs.
//! - No factor, address or setting has changed, unless the attacker holds two things.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    assurance::{Evidence, PasswordRecovery},
    config::Policy,
    custom_auth::{AppClients, CustomAuthSettings, DefineDecision, token_gate::TokenDecision},
    factors::{
        AppClientDirectory, Contacts, FactorChangeGuard, FactorChangePorts, NativeFactors, PoolFactorService,
        Profile, SignedIn, TotpVerification, UserPoolFault,
        custom::{
            Authenticator, Change, CustomFactorService, CustomFactorStore, CustomFactors, FactorId,
            MessageCodeSetting, PoolFactorNote, RecoveryCode, Seeds, TotpSeed,
        },
        devices::{DeviceId, DeviceRegistry, PoolDevice},
        enrolment::{FriendlyDeviceName, TotpSecret},
        preference::{FactorState, PreferenceChange, Setting},
    },
    kernel::{AccessToken, Clock, EmailAddress, OneTimeCode, PhoneNumber, PoolFactor, UserId},
};
use mfa_testkit::{
    CUSTOM, CustomAuthStage, CustomSignIn, InMemoryMessageQueue, InMemorySeeds, InMemoryTable, NATIVE,
    SeededEntropy, Snapshot,
};

const DEPTH: usize = 5;
const OWNERS_SEED: &[u8] = b"12345678901234567890";
const OWNERS_POOL_APP: u8 = 1;
const ATTACKERS_POOL_APP: u8 = 2;

/// The user's factors before the attacker comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// A named authenticator and recovery codes, used at the custom client.
    Authenticator,
    /// A verified phone number, used at the custom client.
    TextMessages,
    /// Cognito's authenticator, used at the native client.
    PoolAuthenticator,
}

/// The things that the attacker holds at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "things that an attacker holds, each independent of the others"
)]
struct Holds {
    password: bool,
    mailbox: bool,
    phone: bool,
    recovery_code: bool,
}

impl Holds {
    /// Returns the number of independent things. E-mail recovers passwords here.
    fn independent(self, owner: Owner) -> usize {
        // A phone number that is not the user's, and codes that the user lacks, do not count.
        let phone = self.phone && owner == Owner::TextMessages;
        let code = self.recovery_code && owner == Owner::Authenticator;
        usize::from(self.password || self.mailbox) + usize::from(phone) + usize::from(code)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    /// `ForgotPassword` and `ConfirmForgotPassword`.
    ResetPassword,
    SignInNatively,
    /// Sign-in at the custom client with all of the attacker's things.
    SignInWithChallenges,
    /// `AssociateSoftwareToken`, `VerifySoftwareToken` and `SetUserMFAPreference`, with the last token.
    SetUpAtCognito,
    /// `SetUserMFAPreference` with all factors off, with the last token.
    TurnOffAtCognito,
    MintRecoveryCodes,
    AddAuthenticator,
    RemoveAuthenticator,
    KeepMessages,
    ChangePreference,
}

const OPERATIONS: [Operation; 10] = [
    Operation::ResetPassword,
    Operation::SignInNatively,
    Operation::SignInWithChallenges,
    Operation::SetUpAtCognito,
    Operation::TurnOffAtCognito,
    Operation::MintRecoveryCodes,
    Operation::AddAuthenticator,
    Operation::RemoveAuthenticator,
    Operation::KeepMessages,
    Operation::ChangePreference,
];

/// A token that the attacker got.
#[derive(Debug, Clone)]
struct Token {
    client: &'static str,
    evidence: Evidence,
    at: Timestamp,
}

/// The state that changes in a walk, besides the table.
#[derive(Debug, Clone)]
struct World {
    knows_password: bool,
    /// The authenticator app that the pool asks for, the owner's or the attacker's.
    pool_app: Option<u8>,
    /// Seeds that the attacker made.
    seeds: Vec<Vec<u8>>,
    codes: Vec<String>,
    token: Option<Token>,
    now: Timestamp,
}

/// The pool as the MFA API sees it. The guard needs to know only whether a factor is on.
#[derive(Debug)]
struct Pool {
    user: UserId,
    has_phone: bool,
    is_on: std::sync::atomic::AtomicBool,
    changed: std::sync::atomic::AtomicBool,
}

#[async_trait::async_trait]
impl NativeFactors for Pool {
    async fn profile(&self, _: &AccessToken) -> Result<Profile, UserPoolFault> {
        let is_on = self.is_on.load(std::sync::atomic::Ordering::Relaxed);
        Ok(Profile {
            user: self.user.clone(),
            account: "alex@example.com".into(),
            contacts: Contacts {
                user_name: "alex".into(),
                email: EmailAddress::parse("alex@example.com").ok(),
                phone_number: PhoneNumber::parse("+12025550123").ok().filter(|_| self.has_phone),
                locale: None,
            },
            factors: FactorState {
                enabled: if is_on { [PoolFactor::Totp].into() } else { [].into() },
                preferred: is_on.then_some(PoolFactor::Totp),
            },
        })
    }

    async fn associate_totp(&self, _: &AccessToken) -> Result<TotpSecret, UserPoolFault> {
        self.changed.store(true, std::sync::atomic::Ordering::Relaxed);
        Ok(TotpSecret::new("JBSWY3DPEHPK3PXP".into()))
    }

    async fn verify_totp(
        &self,
        _: &AccessToken,
        _: &OneTimeCode,
        _: Option<&FriendlyDeviceName>,
    ) -> Result<TotpVerification, UserPoolFault> {
        Ok(TotpVerification::WrongCode)
    }

    async fn set_preference(&self, _: &AccessToken, _: &PreferenceChange) -> Result<(), UserPoolFault> {
        self.changed.store(true, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait::async_trait]
impl DeviceRegistry for Pool {
    async fn devices(&self, _: &AccessToken) -> Result<Vec<PoolDevice>, UserPoolFault> {
        Ok(Vec::new())
    }

    async fn remember(&self, _: &AccessToken, _: &DeviceId, _: bool) -> Result<(), UserPoolFault> {
        Ok(())
    }

    async fn forget(&self, _: &AccessToken, _: &DeviceId) -> Result<(), UserPoolFault> {
        Ok(())
    }
}

struct Walk {
    table: Arc<InMemoryTable>,
    stage: CustomAuthStage,
    pool: Arc<Pool>,
    custom: CustomFactorService,
    factors: PoolFactorService,
    user: UserId,
    owner: Owner,
    holds: Holds,
    /// The factors before the attacker came.
    before: CustomFactors,
    steps: usize,
    tokens: usize,
}

const RECOVERY: PasswordRecovery = PasswordRecovery { email: true, sms: false };

async fn walk(owner: Owner, holds: Holds) -> Walk {
    let table = Arc::new(InMemoryTable::default());
    let stage = CustomAuthStage::with("", &table, 7, RECOVERY);
    let user = UserId::parse("alex").unwrap();
    let has_phone = owner == Owner::TextMessages;
    let pool = Arc::new(Pool { user: user.clone(), has_phone, is_on: false.into(), changed: false.into() });
    let policy = Policy::default();
    let custom_auth = policy.custom_auth.clone();
    let clients = AppClients::parse(&format!("native={NATIVE},custom={CUSTOM}"), &custom_auth).unwrap();
    let clients: Arc<dyn AppClientDirectory> = Arc::new(CustomAuthSettings {
        policy: custom_auth,
        clients,
        recovery: RECOVERY,
        relying_party: None,
    });
    let guard =
        FactorChangePorts { custom: table.clone(), records: table.clone(), clients, devices: pool.clone() };
    let access = Arc::new(FactorChangeGuard::new(
        pool.clone(),
        guard,
        table.clone(),
        Arc::new(InMemoryMessageQueue::default()),
        stage.clock.clone(),
        Arc::new(SeededEntropy::new(3)),
        &policy,
    ));
    let key = stage.key.clone();
    let custom =
        CustomFactorService::new(access.clone(), table.clone(), Arc::new(InMemorySeeds), key, &policy);
    let factors = PoolFactorService::new(access, table.clone(), &policy);
    set_up(&table, &stage, &user, owner).await;
    let before = table.custom_factors(&user).await.unwrap();
    Walk { table, stage, pool, custom, factors, user, owner, holds, before, steps: 0, tokens: 0 }
}

/// Gives the owner their factors and a completed sign-in.
async fn set_up(table: &InMemoryTable, stage: &CustomAuthStage, user: &UserId, owner: Owner) {
    match owner {
        Owner::Authenticator => {
            let seed = InMemorySeeds.seal(user, &TotpSeed::from_bytes(OWNERS_SEED).unwrap()).await.unwrap();
            let name = FriendlyDeviceName::parse("Phone").unwrap();
            let phone = Authenticator { name, seed, created_at: stage.clock.now(), is_confirmed: true };
            let code = owners_recovery_code();
            let change = Change {
                authenticators: Some([(FactorId::parse(&"a".repeat(32)).unwrap(), phone)].into()),
                recovery: Some([code.hash(&stage.key, user)].into()),
                had_factor: Some(true),
                ..Change::default()
            };
            table.change(user, 0, &change).await.unwrap();
        }
        Owner::TextMessages => {
            let mut sign_in = CustomSignIn::with_password("alex", user);
            sign_in.begin(stage).await;
            sign_in.answer(stage, "sms").await;
            let code = stage.code().await.unwrap();
            assert_eq!(sign_in.answer(stage, &code).await, DefineDecision::IssueTokens);
            assert!(stage.token(user, CUSTOM, None).await.is_granted());
        }
        Owner::PoolAuthenticator => {
            table.note_pool_factor(user, PoolFactorNote::On(stage.clock.now())).await.unwrap();
        }
    }
}

fn owners_recovery_code() -> RecoveryCode {
    RecoveryCode::generate(&SeededEntropy::new(11)).unwrap()
}

fn totp(seed: &[u8], now: Timestamp) -> String {
    let step = u64::try_from(now.as_second() / 30).unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let mac = aws_lc_rs::hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let at = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes([mac[at] & 0x7f, mac[at + 1], mac[at + 2], mac[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

impl Walk {
    fn start(&self) -> World {
        World {
            knows_password: self.holds.password,
            pool_app: (self.owner == Owner::PoolAuthenticator).then_some(OWNERS_POOL_APP),
            seeds: Vec::new(),
            codes: Vec::new(),
            token: None,
            now: self.stage.clock.now(),
        }
    }

    /// Performs the operation. Operations are some seconds apart, so that no code is used twice.
    async fn make(&mut self, world: &mut World, operation: Operation) {
        world.now = world.now.checked_add(SignedDuration::from_secs(31)).unwrap();
        self.stage.clock.set(world.now);
        self.pool.is_on.store(world.pool_app.is_some(), std::sync::atomic::Ordering::Relaxed);
        match operation {
            Operation::ResetPassword => world.knows_password |= self.holds.mailbox,
            Operation::SignInNatively => self.sign_in_natively(world).await,
            Operation::SignInWithChallenges => self.sign_in_with_challenges(world).await,
            Operation::SetUpAtCognito if world.token.is_some() => world.pool_app = Some(ATTACKERS_POOL_APP),
            Operation::TurnOffAtCognito if world.token.is_some() => world.pool_app = None,
            Operation::SetUpAtCognito | Operation::TurnOffAtCognito => {}
            Operation::MintRecoveryCodes
            | Operation::AddAuthenticator
            | Operation::RemoveAuthenticator
            | Operation::KeepMessages
            | Operation::ChangePreference => self.call_the_api(world, operation).await,
        }
    }

    async fn sign_in_natively(&mut self, world: &mut World) {
        if !world.knows_password || world.pool_app == Some(OWNERS_POOL_APP) {
            return;
        }
        self.stage.natives.set(world.pool_app.is_some());
        let gate = self.stage.token(&self.user, NATIVE, None).await;
        self.take(world, NATIVE, &gate);
    }

    async fn sign_in_with_challenges(&mut self, world: &mut World) {
        if !world.knows_password || world.pool_app == Some(OWNERS_POOL_APP) {
            return;
        }
        let user = self.user.clone();
        let mut sign_in = CustomSignIn::with_password("alex", &user);
        if !self.pool.has_phone {
            sign_in = sign_in.without_phone();
        }
        let mut defined = sign_in.begin(&self.stage).await;
        for _ in 0..8 {
            if defined != DefineDecision::Challenge {
                break;
            }
            let Some(answer) = self.answer(world, &sign_in).await else { return };
            defined = sign_in.answer(&self.stage, &answer).await;
        }
        if defined == DefineDecision::IssueTokens {
            let gate = self.stage.token(&user, CUSTOM, None).await;
            self.take(world, CUSTOM, &gate);
        }
    }

    /// Returns the attacker's answer to the current challenge. Returns `None` if the attacker lacks one.
    async fn answer(&self, world: &mut World, sign_in: &CustomSignIn) -> Option<String> {
        let offers = |factor: &str| sign_in.public["factors"].split(',').any(|offered| offered == factor);
        match sign_in.public["step"].as_str() {
            "enrol" => {
                let seed = data_encoding::BASE32_NOPAD.decode(sign_in.public["secret"].as_bytes()).unwrap();
                world.seeds.push(seed.clone());
                Some(totp(&seed, world.now))
            }
            "code" => match sign_in.public["factor"].as_str() {
                "email" if self.holds.mailbox => self.stage.code().await,
                "sms" if self.holds.phone => self.stage.code().await,
                _ => None,
            },
            _ if offers("totp") && !world.seeds.is_empty() => {
                world.seeds.last().map(|seed| totp(seed, world.now))
            }
            _ if offers("recovery-code") && !world.codes.is_empty() => world.codes.pop(),
            _ if offers("recovery-code") && self.holds.recovery_code => {
                Some(owners_recovery_code().readable().to_string())
            }
            _ if offers("sms") && self.holds.phone => Some("sms".into()),
            _ if offers("email") && self.holds.mailbox => Some("email".into()),
            _ => None,
        }
    }

    fn take(&mut self, world: &mut World, client: &'static str, gate: &TokenDecision) {
        if let TokenDecision::Granted(admitted) = gate {
            self.tokens += 1;
            let evidence = admitted.evidence.unwrap();
            world.token = Some(Token { client, evidence, at: world.now });
        }
    }

    async fn call_the_api(&self, world: &mut World, operation: Operation) {
        let Some(token) = &world.token else { return };
        let caller = SignedIn {
            user: self.user.clone(),
            token: AccessToken::from_authorization("token").unwrap(),
            at: token.at,
            client_id: token.client.to_owned(),
            evidence: Some(token.evidence),
            device: None,
        };
        match operation {
            Operation::MintRecoveryCodes => {
                if let Ok(codes) = self.custom.replace_recovery_codes(&caller).await {
                    world.codes = codes.readable().map(|code| code.to_string()).collect();
                }
            }
            Operation::AddAuthenticator => {
                let name = FriendlyDeviceName::parse("Mine").unwrap();
                let Ok((id, enrolment)) = self.custom.start_authenticator(&caller, name).await else {
                    return;
                };
                let secret = enrolment.secret.expose().as_bytes().to_vec();
                let seed = data_encoding::BASE32_NOPAD.decode(&secret).unwrap();
                let code = OneTimeCode::parse_totp(&totp(&seed, world.now)).unwrap();
                if self.custom.confirm_authenticator(&caller, &id, &code).await.is_ok() {
                    world.seeds.push(seed);
                }
            }
            Operation::RemoveAuthenticator => {
                let id = FactorId::parse(&"a".repeat(32)).unwrap();
                let _ = self.custom.remove_authenticator(&caller, &id).await;
            }
            Operation::KeepMessages => {
                let on = Some(MessageCodeSetting::On);
                let _ = self.custom.set_message_codes(&caller, on, on).await;
            }
            _ => {
                let request =
                    [(PoolFactor::Totp, Setting::Disabled), (PoolFactor::Sms, Setting::Enabled)].into();
                let _ = self.factors.set_preference(&caller, &request, None).await;
            }
        }
    }

    /// Checks the properties that must hold after every operation of an attacker who holds one thing.
    async fn check(&self, world: &World, path: &[Operation]) {
        let (owner, holds) = (self.owner, self.holds);
        let independent = holds.independent(owner);
        if let Some(token) = &world.token {
            assert!(
                usize::from(token.evidence.level) <= independent.max(1),
                "{owner:?} {holds:?} {path:?}: level {}",
                token.evidence.level
            );
            assert!(token.client != CUSTOM || independent >= 2, "{owner:?} {holds:?} {path:?}: tokens");
        }
        if independent < 2 {
            let kept = self.table.custom_factors(&self.user).await.unwrap();
            let before = &self.before;
            let is_same = kept.authenticators == before.authenticators
                && kept.recovery == before.recovery
                && kept.devices == before.devices
                && kept.message_codes == before.message_codes;
            assert!(is_same, "{owner:?} {holds:?} {path:?}: factors changed");
            let is_pool_changed = self.pool.changed.load(std::sync::atomic::Ordering::Relaxed);
            assert!(!is_pool_changed, "{owner:?} {holds:?} {path:?}: the pool's factors changed");
        }
    }

    async fn descend(&mut self, world: &World, table: &Snapshot, path: &mut Vec<Operation>) {
        if path.len() == DEPTH {
            return;
        }
        for operation in OPERATIONS {
            self.table.restore(table);
            let mut after = world.clone();
            path.push(operation);
            self.steps += 1;
            self.make(&mut after, operation).await;
            self.check(&after, path).await;
            let snapshot = self.table.snapshot();
            Box::pin(self.descend(&after, &snapshot, path)).await;
            path.pop();
        }
    }
}

fn all_holds() -> impl Iterator<Item = Holds> {
    (1..16_u8).map(|bits| Holds {
        password: bits & 1 > 0,
        mailbox: bits & 2 > 0,
        phone: bits & 4 > 0,
        recovery_code: bits & 8 > 0,
    })
}

/// Walks for every attacker who holds one thing, and returns the counts as a text.
async fn walk_all(owner: Owner) -> String {
    let (mut steps, mut tokens, mut walks) = (0, 0, 0);
    for holds in all_holds().filter(|holds| holds.independent(owner) == 1) {
        let mut walk = walk(owner, holds).await;
        let (world, snapshot) = (walk.start(), walk.table.snapshot());
        walk.descend(&world, &snapshot, &mut Vec::new()).await;
        (steps, tokens, walks) = (steps + walk.steps, tokens + walk.tokens, walks + 1);
    }
    assert!(walks > 0);
    format!("{owner:?}: {walks} attackers with one thing, {steps} operations, {tokens} tokens")
}

#[tokio::test]
async fn one_thing_opens_nothing_of_a_user_with_an_authenticator() {
    println!("{}", Box::pin(walk_all(Owner::Authenticator)).await);
}

#[tokio::test]
async fn one_thing_opens_nothing_of_a_user_of_text_messages() {
    println!("{}", Box::pin(walk_all(Owner::TextMessages)).await);
}

#[tokio::test]
async fn one_thing_opens_nothing_of_a_user_of_the_pools_authenticator() {
    println!("{}", Box::pin(walk_all(Owner::PoolAuthenticator)).await);
}

/// Shows that the walk finds breaches: two things open the account, and no level exceeds the number of
/// things.
#[tokio::test]
async fn two_things_open_the_account() {
    let holds = Holds { password: true, mailbox: false, phone: false, recovery_code: true };
    let mut walk = walk(Owner::Authenticator, holds).await;
    let mut world = walk.start();
    walk.make(&mut world, Operation::SignInWithChallenges).await;
    walk.check(&world, &[Operation::SignInWithChallenges]).await;
    let token = world.token.clone().unwrap();
    assert_eq!((token.client, token.evidence.level), (CUSTOM, 2));
    walk.make(&mut world, Operation::MintRecoveryCodes).await;
    assert_eq!(world.codes.len(), 10);
}
