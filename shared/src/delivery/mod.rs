//! A message's way to the user: from the event with a sealed code, or from a parcel of ours, to one
//! message, through whichever provider answers.

mod claims;
mod courier;
mod deliver;
mod dispatch;
mod governor;
mod message;
mod provider;
mod purpose;
mod sealed;

pub use claims::{Claim, Claims, DeliveryId, Failure, Outcome};
pub use courier::{
    ChallengeCodes, CodeParcel, Courier, InvalidParcel, MailedRecovery, NoticeParcel, Parcel, Recipient,
    RecoveryParcel,
};
pub use deliver::Deliver;
pub use dispatch::{
    Addresses, Carrier, CodeSource, Dependencies, Dispatch, DispatchSettings, Found, SendRequest,
};
pub use governor::{
    Asker, Booked, Booking, Budgets, Charge, Completed, Correspondence, Counter, Country, Counts, Debt,
    Demand, Destination, Governor, GovernorRules, GovernorSettings, InvalidCountry, Limits, NotSent,
    NumberType, Numbering, Origin, Receipt, Refused, Repayment, Scope, Sent, Standing, Verdict, Window,
    Withheld,
};
pub use message::{
    CognitoPlaceholders, CognitoTexts, Content, EmailText, Encoding, Finding, Messages, Segments, Severity,
    SmsText, check,
};
pub use provider::{Chain, Email, Exhausted, Provider, ProviderFault, Sms};
pub use purpose::{Channel, Notice, Purpose};
pub use sealed::{DataKeyCiphertext, DataKeys, Plaintext, Unreadable, Unseal, UnsealFault};
