-- The new policy system, as much of it as a migration meets. Every call carries a token, and is answered again as it was
-- before when the token comes again: the token is kept in the transaction of the call's effect, or the effect never was.
--
-- Errors of its own: PM001 the policy number is taken, PM002 the policy is on hold, PM003 the token's write was
-- withdrawn, PM004 there is no such policy.

CREATE TABLE policies (
  policy_number text PRIMARY KEY,
  step_token uuid NOT NULL UNIQUE,
  status text NOT NULL CHECK (status IN ('pending', 'active')),
  state text NOT NULL,
  county text NOT NULL,
  line_of_business text NOT NULL CHECK (line_of_business IN ('RES', 'COM')),
  construction_class smallint NOT NULL CHECK (construction_class BETWEEN 1 AND 6),
  tiv_2011_cents bigint NOT NULL,
  tiv_2012_cents bigint NOT NULL,
  eq_limit_cents bigint NOT NULL,
  hu_limit_cents bigint NOT NULL,
  fl_limit_cents bigint NOT NULL,
  fr_limit_cents bigint NOT NULL,
  eq_deductible_cents bigint NOT NULL,
  hu_deductible_cents bigint NOT NULL,
  fl_deductible_cents bigint NOT NULL,
  fr_deductible_cents bigint NOT NULL,
  latitude_microdegrees integer NOT NULL,
  longitude_microdegrees integer NOT NULL,
  geocode_quality smallint NOT NULL
);

-- Which calls have happened, and what they were answered.
CREATE TABLE applied (
  token uuid PRIMARY KEY,
  operation text NOT NULL,
  answer jsonb,
  voided boolean NOT NULL DEFAULT false,  -- withdrawn: a write that comes late with this token is refused
  asked integer NOT NULL DEFAULT 1        -- how often the call came and was answered
);

-- Policies that the underwriters will not have made active: their confirmation is refused for good.
CREATE TABLE holds (
  policy_number text PRIMARY KEY,
  reason text NOT NULL
);

-- Takes the token, or answers what its first call was answered. A call whose token is in the hands of another
-- transaction waits for the end of that one.
CREATE FUNCTION earlier_answer(the_token uuid, the_operation text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  call applied;
BEGIN
  INSERT INTO applied AS known (token, operation) VALUES (the_token, the_operation)
    ON CONFLICT (token) DO UPDATE SET asked = known.asked + 1
    RETURNING * INTO call;
  IF call.voided THEN
    RAISE EXCEPTION 'the write with token % was withdrawn', the_token USING ERRCODE = 'PM003';
  END IF;
  RETURN call.answer;
END $$;

CREATE FUNCTION remember(the_token uuid, the_answer jsonb) RETURNS jsonb LANGUAGE sql AS $$
  UPDATE applied SET answer = the_answer WHERE token = the_token RETURNING answer
$$;

CREATE FUNCTION write_policy(the_token uuid, record jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  answer jsonb := earlier_answer(the_token, 'write');
  number text := record ->> 'policy_number';
BEGIN
  IF answer IS NOT NULL THEN
    RETURN answer;
  END IF;
  INSERT INTO policies
    SELECT * FROM jsonb_populate_record(NULL::policies,
      record || jsonb_build_object('step_token', the_token, 'status', 'pending'))
    ON CONFLICT (policy_number) DO NOTHING;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'policy % is there already', number USING ERRCODE = 'PM001';
  END IF;
  RETURN remember(the_token, jsonb_build_object('policy_number', number));
END $$;

CREATE FUNCTION confirm_policy(the_token uuid, write_token uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  answer jsonb := earlier_answer(the_token, 'confirm');
  number text;
  hold text;
BEGIN
  IF answer IS NOT NULL THEN
    RETURN answer;
  END IF;
  UPDATE policies SET status = 'active' WHERE step_token = write_token RETURNING policy_number INTO number;
  IF number IS NULL THEN
    RAISE EXCEPTION 'no policy was written with token %, or it was withdrawn', write_token USING ERRCODE = 'PM004';
  END IF;
  SELECT reason INTO hold FROM holds WHERE policy_number = number;
  IF hold IS NOT NULL THEN
    RAISE EXCEPTION 'policy % is on hold: %', number, hold USING ERRCODE = 'PM002';
  END IF;
  RETURN remember(the_token, jsonb_build_object('policy_number', number));
END $$;

-- Takes a write back, whether or not it ever came, and whether or not it comes still.
CREATE FUNCTION withdraw_policy(the_token uuid, write_token uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  answer jsonb := earlier_answer(the_token, 'withdraw');
  number text;
BEGIN
  IF answer IS NOT NULL THEN
    RETURN answer;
  END IF;
  -- Waits for a write under way; what it committed is seen by the next statement.
  INSERT INTO applied (token, operation, voided) VALUES (write_token, 'write', true)
    ON CONFLICT (token) DO UPDATE SET voided = true;
  DELETE FROM policies WHERE step_token = write_token RETURNING policy_number INTO number;
  RETURN remember(the_token, jsonb_build_object('withdrawn', number IS NOT NULL));
END $$;
