-- SQLite writes a row again in its place; only PostgreSQL is told to leave room.
SELECT 1;
