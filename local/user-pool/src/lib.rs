//! A Cognito user pool on Cognito's own wire protocol (AWS JSON 1.1), for laptops and tests.
//! It stands for AWS: `docs/COGNITO.md` is its reference, and it knows no function of this project.

pub mod ports;
