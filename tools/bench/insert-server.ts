import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';
import { MAX_BODY_BYTES } from '../../api/body.ts';
import { stopAsked, tellReady } from './child.ts';

/** The comparison of "rest": what Express 5 takes in and stores durably when it does nothing else. */

/** As many as the API has (bin/api.ts). */
const CONNECTIONS = 12;

const pool = new pg.Pool({
  connectionString: process.env['DATABASE_URL'],
  max: CONNECTIONS,
  keepAlive: true,
});
await pool.query(
  'CREATE TABLE IF NOT EXISTS bench_insert (id uuid PRIMARY KEY, body jsonb NOT NULL, created_at timestamptz NOT NULL)',
);

const app = express();
app.disable('x-powered-by');
app.set('etag', false);
app.use(express.json({ limit: MAX_BODY_BYTES }));
app.post('/requests', async (request, response) => {
  const id = randomUUID();
  const createdAt = new Date().toISOString();
  await pool.query({
    name: 'insert',
    text: 'INSERT INTO bench_insert (id, body, created_at) VALUES ($1, $2, $3)',
    values: [id, JSON.stringify(request.body), createdAt],
  });
  response.status(201).json({ id, status: 'stored', createdAt });
});

const server = createServer(app);
server.keepAliveTimeout = 65_000;
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  tellReady(`http://127.0.0.1:${port}`);
});
await stopAsked();
server.closeAllConnections();
server.close();
await pool.end();
process.exit(0);
