--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: app; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA app;


--
-- Name: make_partitions(date, date); Type: PROCEDURE; Schema: app; Owner: -
--

CREATE PROCEDURE app.make_partitions(IN from_month date, IN to_month date)
    LANGUAGE plpgsql
    AS $$
DECLARE
    month date := date_trunc('month', from_month);
    name text;
BEGIN
    WHILE month <= to_month LOOP
        name := format('event_p%s', to_char(month, 'YYYY_MM'));
        IF to_regclass('app.' || name) IS NULL THEN
            EXECUTE format('CREATE TABLE app.%I (LIKE app.event INCLUDING ALL)', name);
            EXECUTE format(
                'ALTER TABLE app.event ATTACH PARTITION app.%I FOR VALUES FROM (%L) TO (%L)',
                name, month::text || ' 00:00+00', (month + interval '1 month')::date::text || ' 00:00+00'
            );
        END IF;
        month := month + interval '1 month';
    END LOOP;
END
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: account; Type: TABLE; Schema: app; Owner: -
--

CREATE TABLE app.account (
    id text NOT NULL,
    title text,
    joined timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: event; Type: TABLE; Schema: app; Owner: -
--

CREATE TABLE app.event (
    id text NOT NULL,
    account_id text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    source text,
    amount_cents bigint,
    weight numeric(8,3),
    tags text[]
)
PARTITION BY RANGE (occurred_at);


--
-- Name: event_p2026_09; Type: TABLE; Schema: app; Owner: -
--

CREATE TABLE app.event_p2026_09 (
    id text NOT NULL,
    account_id text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    source text,
    amount_cents bigint,
    weight numeric(8,3),
    tags text[]
);


--
-- Name: event_p2026_10; Type: TABLE; Schema: app; Owner: -
--

CREATE TABLE app.event_p2026_10 (
    id text NOT NULL,
    account_id text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    source text,
    amount_cents bigint,
    weight numeric(8,3),
    tags text[]
);


--
-- Name: event_p2026_11; Type: TABLE; Schema: app; Owner: -
--

CREATE TABLE app.event_p2026_11 (
    id text NOT NULL,
    account_id text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    source text,
    amount_cents bigint,
    weight numeric(8,3),
    tags text[]
);


--
-- Name: event_p2026_12; Type: TABLE; Schema: app; Owner: -
--

CREATE TABLE app.event_p2026_12 (
    id text NOT NULL,
    account_id text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    source text,
    amount_cents bigint,
    weight numeric(8,3),
    tags text[]
);


--
-- Name: event_p2026_09; Type: TABLE ATTACH; Schema: app; Owner: -
--

ALTER TABLE ONLY app.event ATTACH PARTITION app.event_p2026_09 FOR VALUES FROM ('2026-09-01 00:00:00+00') TO ('2026-10-01 00:00:00+00');


--
-- Name: event_p2026_10; Type: TABLE ATTACH; Schema: app; Owner: -
--

ALTER TABLE ONLY app.event ATTACH PARTITION app.event_p2026_10 FOR VALUES FROM ('2026-10-01 00:00:00+00') TO ('2026-11-01 00:00:00+00');


--
-- Name: event_p2026_11; Type: TABLE ATTACH; Schema: app; Owner: -
--

ALTER TABLE ONLY app.event ATTACH PARTITION app.event_p2026_11 FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00');


--
-- Name: event_p2026_12; Type: TABLE ATTACH; Schema: app; Owner: -
--

ALTER TABLE ONLY app.event ATTACH PARTITION app.event_p2026_12 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');


--
-- Name: account account_pkey; Type: CONSTRAINT; Schema: app; Owner: -
--

ALTER TABLE ONLY app.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);


--
-- Name: event event_pkey; Type: CONSTRAINT; Schema: app; Owner: -
--

ALTER TABLE ONLY app.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id, occurred_at);


--
-- Name: event_p2026_09 event_p2026_09_pkey; Type: CONSTRAINT; Schema: app; Owner: -
--

ALTER TABLE ONLY app.event_p2026_09
    ADD CONSTRAINT event_p2026_09_pkey PRIMARY KEY (id, occurred_at);


--
-- Name: event_p2026_10 event_p2026_10_pkey; Type: CONSTRAINT; Schema: app; Owner: -
--

ALTER TABLE ONLY app.event_p2026_10
    ADD CONSTRAINT event_p2026_10_pkey PRIMARY KEY (id, occurred_at);


--
-- Name: event_p2026_11 event_p2026_11_pkey; Type: CONSTRAINT; Schema: app; Owner: -
--

ALTER TABLE ONLY app.event_p2026_11
    ADD CONSTRAINT event_p2026_11_pkey PRIMARY KEY (id, occurred_at);


--
-- Name: event_p2026_12 event_p2026_12_pkey; Type: CONSTRAINT; Schema: app; Owner: -
--

ALTER TABLE ONLY app.event_p2026_12
    ADD CONSTRAINT event_p2026_12_pkey PRIMARY KEY (id, occurred_at);


--
-- Name: event_account_id_occurred_at; Type: INDEX; Schema: app; Owner: -
--

CREATE INDEX event_account_id_occurred_at ON ONLY app.event USING btree (account_id, occurred_at);


--
-- Name: event_occurred_at; Type: INDEX; Schema: app; Owner: -
--

CREATE INDEX event_occurred_at ON ONLY app.event USING brin (occurred_at);


--
-- Name: event_p2026_09_account_id_occurred_at_idx; Type: INDEX; Schema: app; Owner: -
--

CREATE INDEX event_p2026_09_account_id_occurred_at_idx ON app.event_p2026_09 USING btree (account_id, occurred_at);


--
-- Name: event_p2026_09_occurred_at_idx; Type: INDEX; Schema: app; Owner: -
--

CREATE INDEX event_p2026_09_occurred_at_idx ON app.event_p2026_09 USING brin (occurred_at);


--
-- Name: event_p2026_10_account_id_occurred_at_idx; Type: INDEX; Schema: app; Owner: -
--

CREATE INDEX event_p2026_10_account_id_occurred_at_idx ON app.event_p2026_10 USING btree (account_id, occurred_at);


--
-- Name: event_p2026_10_occurred_at_idx; Type: INDEX; Schema: app; Owner: -
--

CREATE INDEX event_p2026_10_occurred_at_idx ON app.event_p2026_10 USING brin (occurred_at);


--
-- Name: event_p2026_11_account_id_occurred_at_idx; Type: INDEX; Schema: app; Owner: -
--

CREATE INDEX event_p2026_11_account_id_occurred_at_idx ON app.event_p2026_11 USING btree (account_id, occurred_at);


--
-- Name: event_p2026_11_occurred_at_idx; Type: INDEX; Schema: app; Owner: -
--

CREATE INDEX event_p2026_11_occurred_at_idx ON app.event_p2026_11 USING brin (occurred_at);


--
-- Name: event_p2026_12_account_id_occurred_at_idx; Type: INDEX; Schema: app; Owner: -
--

CREATE INDEX event_p2026_12_account_id_occurred_at_idx ON app.event_p2026_12 USING btree (account_id, occurred_at);


--
-- Name: event_p2026_12_occurred_at_idx; Type: INDEX; Schema: app; Owner: -
--

CREATE INDEX event_p2026_12_occurred_at_idx ON app.event_p2026_12 USING brin (occurred_at);


--
-- Name: event_p2026_09_account_id_occurred_at_idx; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_account_id_occurred_at ATTACH PARTITION app.event_p2026_09_account_id_occurred_at_idx;


--
-- Name: event_p2026_09_occurred_at_idx; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_occurred_at ATTACH PARTITION app.event_p2026_09_occurred_at_idx;


--
-- Name: event_p2026_09_pkey; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_pkey ATTACH PARTITION app.event_p2026_09_pkey;


--
-- Name: event_p2026_10_account_id_occurred_at_idx; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_account_id_occurred_at ATTACH PARTITION app.event_p2026_10_account_id_occurred_at_idx;


--
-- Name: event_p2026_10_occurred_at_idx; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_occurred_at ATTACH PARTITION app.event_p2026_10_occurred_at_idx;


--
-- Name: event_p2026_10_pkey; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_pkey ATTACH PARTITION app.event_p2026_10_pkey;


--
-- Name: event_p2026_11_account_id_occurred_at_idx; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_account_id_occurred_at ATTACH PARTITION app.event_p2026_11_account_id_occurred_at_idx;


--
-- Name: event_p2026_11_occurred_at_idx; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_occurred_at ATTACH PARTITION app.event_p2026_11_occurred_at_idx;


--
-- Name: event_p2026_11_pkey; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_pkey ATTACH PARTITION app.event_p2026_11_pkey;


--
-- Name: event_p2026_12_account_id_occurred_at_idx; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_account_id_occurred_at ATTACH PARTITION app.event_p2026_12_account_id_occurred_at_idx;


--
-- Name: event_p2026_12_occurred_at_idx; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_occurred_at ATTACH PARTITION app.event_p2026_12_occurred_at_idx;


--
-- Name: event_p2026_12_pkey; Type: INDEX ATTACH; Schema: app; Owner: -
--

ALTER INDEX app.event_pkey ATTACH PARTITION app.event_p2026_12_pkey;


--
-- Name: event event_account_id_fkey; Type: FK CONSTRAINT; Schema: app; Owner: -
--

ALTER TABLE app.event
    ADD CONSTRAINT event_account_id_fkey FOREIGN KEY (account_id) REFERENCES app.account(id);


--
-- PostgreSQL database dump complete
--


