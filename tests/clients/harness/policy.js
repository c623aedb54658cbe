// The deployed template with an operator's policy of the test's own.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { workspace } from './cloud.js';

/** Writes a policy and a template that uses it into `folder`; answers the template's path. */
export function templateWith(folder, policy) {
  const own = mkdtempSync(join(folder, 'policy-'));
  writeFileSync(join(own, 'policy.toml'), policy);
  const deployed = readFileSync(join(workspace, 'infra/template.yaml'), 'utf8');
  const path = join(own, 'template.yaml');
  writeFileSync(path, deployed.replace('MFA_CONFIG_DIR: /opt/cognito-mfa', `MFA_CONFIG_DIR: ${own}`));
  return path;
}
