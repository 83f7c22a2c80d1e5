import { defineConfig } from 'prisma/config';

// `npm run migrate` applies the SQL itself (prisma/migrate.ts); the Prisma CLI only generates the client.
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
});
