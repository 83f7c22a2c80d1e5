import { z } from 'zod';

// Imported before any schema: the page forbids code made from text, so zod must not try.
z.config({ jitless: true });
