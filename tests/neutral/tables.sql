-- A library: members borrow books, and renew what they borrowed.
CREATE TABLE public.member (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    points bigint NOT NULL DEFAULT 0
);
CREATE TABLE public.loan (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    member_id bigint NOT NULL REFERENCES public.member (id) ON DELETE CASCADE,
    day date NOT NULL DEFAULT CURRENT_DATE,
    branch text,
    fee_cents bigint NOT NULL DEFAULT 0
);
CREATE INDEX loan_member_id_day_idx ON public.loan (member_id, day);
CREATE INDEX loan_day_idx ON public.loan USING brin (day);
CREATE TABLE public.desk (
    id integer PRIMARY KEY,
    title text NOT NULL
);
CREATE TABLE public.renewal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    loan_id bigint NOT NULL UNIQUE REFERENCES public.loan (id) ON DELETE CASCADE,
    member_id bigint NOT NULL REFERENCES public.member (id) ON DELETE CASCADE,
    renewed_at timestamptz NOT NULL DEFAULT now(),
    desk integer NOT NULL DEFAULT 1
);
CREATE INDEX renewal_member_id_renewed_at_idx ON public.renewal (member_id, renewed_at);
CREATE INDEX renewal_member_id_newest_idx ON public.renewal (member_id, renewed_at DESC, id DESC);
CREATE INDEX renewal_renewed_at_idx ON public.renewal USING brin (renewed_at);
