import { serve } from '../runtime.mjs';
import { handler } from './handler.mjs';

serve(handler);
