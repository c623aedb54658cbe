use std::sync::Arc;

use super::{FactorChangeGuard, FactorFault, SignedIn};
use crate::audit::{AuditLine, AuditLog};

/// Shows users what happened to their factors.
#[derive(Debug)]
pub struct ActivityService {
    access: Arc<FactorChangeGuard>,
    log: Arc<dyn AuditLog>,
}

impl ActivityService {
    pub fn new(access: Arc<FactorChangeGuard>, log: Arc<dyn AuditLog>) -> Self {
        Self { access, log }
    }

    /// Returns the newest lines before `before`, at most `most`, and where the next page begins, if there is
    /// one.
    pub async fn page(
        &self,
        caller: &SignedIn,
        before: Option<uuid::Uuid>,
        most: usize,
    ) -> Result<(Vec<AuditLine>, Option<uuid::Uuid>), FactorFault> {
        // This request fails for a revoked token.
        self.access.profile(caller).await?;
        let mut lines = self.log.newest(&caller.user, before, most + 1).await?;
        let has_more = lines.len() > most;
        lines.truncate(most);
        let next = lines.last().filter(|_| has_more).map(|line| line.id);
        Ok((lines, next))
    }
}
