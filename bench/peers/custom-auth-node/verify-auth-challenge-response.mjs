// The entry point that the package's own CDK construct bundles. The package exports only all three together.
import { handler } from './node_modules/amazon-cognito-passwordless-auth/dist/cdk/custom-auth/verify-auth-challenge-response.js';
import { serve } from '../runtime.mjs';

serve(handler);
