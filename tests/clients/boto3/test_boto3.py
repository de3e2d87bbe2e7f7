"""boto3 signs users up and in; PyJWT, which knows nothing of us, verifies their tokens."""

import base64
import hashlib
import hmac
import json
import time
import uuid

import boto3
import jwt
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa

from common import LocalTest, mistype

PASSWORD = "Unused-and-forgotten-1"
NEW_PASSWORD = "Chosen-by-a-person-2"
USER_ROLE = "arn:aws:iam::000000000000:role/app/User"
GUEST_ROLE = "arn:aws:iam::000000000000:role/app/Guest"
# In seconds; the shortest and the longest that STS gives.
SHORT_SESSION = 900
LONG_SESSION = 43_200
# The clocks of two processes on one machine.
LEEWAY = 5

LIMITS = {"connect_timeout": 5, "read_timeout": 30, "retries": {"total_max_attempts": 1}}


class Boto3Test(LocalTest):
    def setUp(self):
        super().setUp()
        self.device = self.connect(config=Config(signature_version=UNSIGNED, **LIMITS))
        self.server = self.connect(
            config=Config(**LIMITS),
            aws_access_key_id=self.local.exports["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.local.exports["AWS_SECRET_ACCESS_KEY"],
        )

    def connect(self, service="cognito-idp", **options):
        client = boto3.client(
            service, endpoint_url=self.local.url, region_name=self.local.region, **options
        )
        self.addCleanup(client.close)
        return client

    def refused(self, exception, call, **arguments):
        """The message of `call`'s refusal, which must be boto3's own class for `exception`."""
        exceptions = getattr(call.__self__, "exceptions", self.device.exceptions)
        with self.assertRaises(getattr(exceptions, exception)) as caught:
            call(**arguments)
        response = caught.exception.response
        self.assertEqual(response["Error"]["Code"], exception)
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], 400)
        uuid.UUID(response["ResponseMetadata"]["RequestId"])
        return response["Error"]["Message"]

    def sign_up(self, name):
        """Signs a user up, at once and without a message; gives back the user's `sub`."""
        client_id = self.local.client_id
        reply = self.device.sign_up(ClientId=client_id, Username=name, Password=PASSWORD)
        self.assertIs(reply["UserConfirmed"], True)
        self.assertNotIn("CodeDeliveryDetails", reply)
        self.assert_nothing_sent(name)
        return reply["UserSub"]

    def initiate(self, name, client_id=None, **parameters):
        reply = self.device.initiate_auth(
            ClientId=client_id or self.local.client_id,
            AuthFlow="CUSTOM_AUTH",
            AuthParameters={"USERNAME": name, **parameters},
        )
        return self.challenge(reply)

    def challenge(self, reply):
        self.assertEqual(reply["ChallengeName"], "CUSTOM_CHALLENGE")
        self.assertNotIn("AuthenticationResult", reply)
        return reply["Session"]

    def response(self, name, session, answer, client_id=None, **responses):
        return {
            "ClientId": client_id or self.local.client_id,
            "ChallengeName": "CUSTOM_CHALLENGE",
            "Session": session,
            "ChallengeResponses": {"USERNAME": name, "ANSWER": answer, **responses},
        }

    def respond(self, *arguments, **responses):
        return self.device.respond_to_auth_challenge(**self.response(*arguments, **responses))

    def sign_in(self, name):
        session = self.initiate(name)
        reply = self.respond(name, session, self.local.last_code(name))
        return reply["AuthenticationResult"]

    def refresh(self, token, client_id=None, **parameters):
        return {
            "ClientId": client_id or self.local.client_id,
            "AuthFlow": "REFRESH_TOKEN_AUTH",
            "AuthParameters": {"REFRESH_TOKEN": token, **parameters},
        }

    def claims(self, token, **options):
        """The claims of a token, verified as AWS tells a server to."""
        issuer = f"{self.local.url}/{self.local.pool_id}"
        keys = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json")
        key = keys.get_signing_key_from_jwt(token)
        self.assertEqual(jwt.get_unverified_header(token)["alg"], "RS256")
        required = {"require": ["exp", "iat", "iss", "sub", "token_use", "auth_time", "jti"]}
        return jwt.decode(
            token, key, ["RS256"], issuer=issuer, leeway=LEEWAY, options=required, **options
        )


class SignIn(Boto3Test):
    def test_new_user_signs_up_and_in_with_one_message(self):
        for name, medium in [(self.new_phone(), "SMS"), ("jane.o'doe+1@example.com", "EMAIL")]:
            with self.subTest(medium):
                sub = self.sign_up(name)
                session = self.initiate(name)
                code = self.local.last_code(name)
                next_session = self.challenge(self.respond(name, session, mistype(code)))
                tokens = self.respond(name, next_session, code)["AuthenticationResult"]
                self.assertEqual([each["medium"] for each in self.local.sent_to(name)], [medium])
                for used in (session, next_session):
                    said = self.refused(
                        "NotAuthorizedException",
                        self.device.respond_to_auth_challenge,
                        **self.response(name, used, code),
                    )
                    self.assertEqual(
                        said, "Invalid session for the user, session can only be used once."
                    )

                user = self.device.get_user(AccessToken=tokens["AccessToken"])
                self.assertEqual(user["Username"], sub)
                self.assert_verified(tokens["AccessToken"], name)
                identity = self.claims(tokens["IdToken"], audience=self.local.client_id)
                self.assertEqual(identity["sub"], sub)

                # The next sign-in is one of a verified user.
                identity = self.claims(self.sign_in(name)["IdToken"], audience=self.local.client_id)
                contact = "email" if medium == "EMAIL" else "phone_number"
                self.assertEqual(identity[contact], name)
                self.assertIs(identity[f"{contact}_verified"], True)

    def test_existing_user_is_refused_by_sign_up_and_signs_in(self):
        phone = self.new_phone()
        sub = self.sign_up(phone)
        self.sign_in(phone)
        new = {"ClientId": self.local.client_id, "Username": phone, "Password": NEW_PASSWORD}
        self.refused("UsernameExistsException", self.device.sign_up, **new)
        tokens = self.sign_in(phone)
        self.assertEqual(self.claims(tokens["AccessToken"])["sub"], sub)
        self.assertEqual(len(self.local.sent_to(phone)), 2, "one for each sign-in")

    def test_wrong_codes_verify_nothing_and_the_password_stays(self):
        phone = self.new_phone()
        self.sign_up(phone)
        session = self.initiate(phone)
        wrong = mistype(self.local.last_code(phone))
        for _ in range(2):
            session = self.challenge(self.respond(phone, session, wrong))
        last = self.response(phone, session, wrong)
        self.refused("NotAuthorizedException", self.device.respond_to_auth_challenge, **last)
        by_password = {
            "ClientId": self.local.any_flow_client_id,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": phone, "PASSWORD": PASSWORD},
        }
        token = self.device.initiate_auth(**by_password)["AuthenticationResult"]["AccessToken"]
        self.assertNotEqual(self.local.attributes(token).get("phone_number_verified"), "true")

        # The right one verifies, and that password is none any more.
        self.assert_verified(self.sign_in(phone)["AccessToken"], phone)
        self.refused("NotAuthorizedException", self.device.initiate_auth, **by_password)
        self.assertEqual(len(self.local.sent_to(phone)), 2)

    def test_third_wrong_code_ends_the_sign_in(self):
        phone = self.new_phone()
        self.sign_up(phone)
        session = self.initiate(phone)
        wrong = mistype(self.local.last_code(phone))
        for _ in range(2):
            session = self.challenge(self.respond(phone, session, wrong))
        said = self.refused(
            "NotAuthorizedException",
            self.device.respond_to_auth_challenge,
            **self.response(phone, session, wrong),
        )
        self.assertEqual(said, "Incorrect username or password.")
        self.assertEqual(len(self.local.sent_to(phone)), 1)

    def test_session_is_bound_to_user_and_client(self):
        phone, other = self.new_phone(), self.new_phone()
        self.sign_up(phone)
        self.sign_up(other)
        session = self.initiate(phone)
        code = self.local.last_code(phone)
        secret_client = self.local.secret_client_id
        with_secret = {"SECRET_HASH": self.secret_hash(phone)}
        for response in [
            self.response(other, session, code),
            self.response(phone, session, code, client_id=secret_client, **with_secret),
            self.response(phone, session[:-1] + "x", code),
        ]:
            self.refused(
                "NotAuthorizedException", self.device.respond_to_auth_challenge, **response
            )
        self.assertIn("AuthenticationResult", self.respond(phone, session, code))

    def test_resend_costs_no_attempt(self):
        phone = self.new_phone()
        self.sign_up(phone)
        session = self.initiate(phone)
        code = self.local.last_code(phone)
        response = self.response(phone, session, code)
        metadata = {"action": "resend"}
        reply = self.device.respond_to_auth_challenge(**response, ClientMetadata=metadata)
        session = self.challenge(reply)
        self.assertEqual(reply["ChallengeParameters"]["ATTEMPTS_LEFT"], "3")
        self.assertEqual(len(self.local.sent_to(phone)), 1, "too early to send again")
        self.assertIn("AuthenticationResult", self.respond(phone, session, code))

    def secret_hash(self, name):
        message = (name + self.local.secret_client_id).encode()
        digest = hmac.digest(self.local.client_secret.encode(), message, hashlib.sha256)
        return base64.b64encode(digest).decode()

    def test_client_with_secret_requires_the_secret_hash(self):
        phone = self.new_phone()
        self.sign_up(phone)
        client_id = self.local.secret_client_id
        for hashes, fault in [
            ({}, "SECRET_HASH was not received"),
            ({"SECRET_HASH": self.secret_hash("x")}, "Unable to verify secret hash for client"),
        ]:
            said = self.refused(
                "NotAuthorizedException", self.initiate, name=phone, client_id=client_id, **hashes
            )
            self.assertIn(fault, said)
        right = {"SECRET_HASH": self.secret_hash(phone)}
        said = self.refused("NotAuthorizedException", self.initiate, name=phone, **right)
        self.assertIn("is not configured for secret but secret hash was received", said)
        self.assert_nothing_sent(phone)

        session = self.initiate(phone, client_id, **right)
        code = self.local.last_code(phone)
        self.refused(
            "NotAuthorizedException",
            self.device.respond_to_auth_challenge,
            **self.response(phone, session, code, client_id),
        )
        reply = self.respond(phone, session, code, client_id, **right)
        tokens = reply["AuthenticationResult"]
        username = self.claims(tokens["AccessToken"])["username"]
        refresh = self.refresh(tokens["RefreshToken"], client_id)
        self.refused("NotAuthorizedException", self.device.initiate_auth, **refresh)
        refresh["AuthParameters"]["SECRET_HASH"] = self.secret_hash(username)
        self.assertIn("AuthenticationResult", self.device.initiate_auth(**refresh))
        # This operation takes the secret itself.
        renewal = self.device.get_tokens_from_refresh_token
        renew = {"RefreshToken": tokens["RefreshToken"], "ClientId": client_id}
        self.refused("NotAuthorizedException", renewal, **renew)
        reply = renewal(**renew, ClientSecret=self.local.client_secret)
        self.assertIn("AccessToken", reply["AuthenticationResult"])


class RefusedSignUp(Boto3Test):
    settings = {"SMS_COUNTRIES": "JP", "MEDIA": "SMS"}

    def test_refused_sign_up_creates_nobody_and_sends_nothing(self):
        phone, email = self.new_phone(), "jane.doe@example.com"
        abroad = "DESTINATION_NOT_ALLOWED: codes are not sent to this number."
        for name, attributes, fault in [
            (phone, [{"Name": "email", "Value": email}], "ONE_CONTACT_ONLY: "),
            ("+14155550123", [], abroad),
            ("+810990123456", [], abroad),
            ("+8100000000000", [], abroad),
            (email, [], "NO_DESTINATION: "),
        ]:
            with self.subTest(name, attributes=attributes):
                new = {"Username": name, "Password": PASSWORD, "UserAttributes": attributes}
                said = self.refused(
                    "UserLambdaValidationException",
                    self.device.sign_up,
                    ClientId=self.local.client_id,
                    **new,
                )
                self.assertTrue(said.startswith(f"PreSignUp failed with error {fault}"), said)
        self.assertEqual((self.local.users(), self.local.outbox()), ([], []))


class SignUpByCognito(Boto3Test):
    """Cognito confirms the user with a code of its own."""

    settings = {"SIGN_UP": "cognito"}

    def test_user_confirms_and_then_signs_in(self):
        for name, medium in [(self.new_phone(), "SMS"), ("jane.doe@example.com", "EMAIL")]:
            with self.subTest(medium):
                client_id = self.local.client_id
                reply = self.device.sign_up(ClientId=client_id, Username=name, Password=PASSWORD)
                self.assertIs(reply["UserConfirmed"], False)
                self.assertEqual(reply["CodeDeliveryDetails"]["DeliveryMedium"], medium)
                code = self.local.last_code(name)
                confirm = {"ClientId": client_id, "Username": name}
                self.refused("UserNotConfirmedException", self.initiate, name=name)
                self.refused(
                    "CodeMismatchException",
                    self.device.confirm_sign_up,
                    ConfirmationCode=mistype(code),
                    **confirm,
                )
                self.device.confirm_sign_up(ConfirmationCode=code, **confirm)
                self.assert_verified(self.sign_in(name)["AccessToken"], name)
                sent = [each["medium"] for each in self.local.sent_to(name)]
                self.assertEqual(sent, [medium] * 2, "one to confirm, one to sign in")


class Tokens(Boto3Test):
    def test_pyjwt_verifies_tokens_and_refuses_forged_ones(self):
        phone = self.new_phone()
        self.sign_up(phone)
        before = time.time()
        tokens = self.sign_in(phone)
        client_id = self.local.client_id
        identity = self.claims(tokens["IdToken"], audience=client_id)
        access = self.claims(tokens["AccessToken"])
        self.assertEqual(identity["token_use"], "id")
        self.assertEqual(identity["phone_number"], phone)
        self.assertIs(identity["phone_number_verified"], True)
        self.assertEqual(identity["cognito:username"], access["username"])
        self.assertEqual(access["token_use"], "access")
        self.assertEqual(access["client_id"], client_id)
        self.assertEqual(access["scope"], "aws.cognito.signin.user.admin")
        self.assertNotIn("aud", access)
        self.assertNotIn("phone_number", access)
        for claims in (identity, access):
            uuid.UUID(claims["sub"])
            self.assertEqual(claims["sub"], identity["sub"])
            self.assertEqual(claims["origin_jti"], access["origin_jti"])
            self.assertEqual(claims["exp"] - claims["iat"], tokens["ExpiresIn"])
            self.assertAlmostEqual(claims["auth_time"], before, delta=60)
        self.assertNotEqual(identity["jti"], access["jti"])

        with self.assertRaises(jwt.InvalidAudienceError):
            self.claims(tokens["IdToken"], audience=self.local.secret_client_id)
        header, payload, signature = tokens["AccessToken"].split(".")
        forged = ("B" if signature[0] == "A" else "A") + signature[1:]
        with self.assertRaises(jwt.InvalidSignatureError):
            self.claims(".".join([header, payload, forged]))
        self.refused(
            "NotAuthorizedException",
            self.device.get_user,
            AccessToken=".".join([header, payload, forged]),
        )
        # An ID token opens nothing here.
        self.refused(
            "NotAuthorizedException", self.device.get_user, AccessToken=tokens["IdToken"]
        )

    def test_discovery_document_names_issuer_and_keys(self):
        path = f"/{self.local.pool_id}/.well-known"
        configuration = self.local.get(f"{path}/openid-configuration")
        self.assertEqual(configuration["issuer"], f"{self.local.url}/{self.local.pool_id}")
        self.assertEqual(configuration["jwks_uri"], f"{self.local.url}{path}/jwks.json")

    def test_global_sign_out_revokes_refreshed_tokens(self):
        phone = self.new_phone()
        self.sign_up(phone)
        tokens = self.sign_in(phone)
        refresh = self.refresh(tokens["RefreshToken"])
        refreshed = self.device.initiate_auth(**refresh)["AuthenticationResult"]
        self.assertNotIn("RefreshToken", refreshed)
        old, new = (self.claims(each["AccessToken"]) for each in (tokens, refreshed))
        self.assertNotEqual(old["jti"], new["jti"])
        for claim in ("origin_jti", "auth_time", "sub", "username", "client_id"):
            self.assertEqual(old[claim], new[claim])
        renew = {"RefreshToken": tokens["RefreshToken"], "ClientId": self.local.client_id}
        renewed = self.device.get_tokens_from_refresh_token(**renew)["AuthenticationResult"]
        self.assertEqual(self.claims(renewed["AccessToken"])["origin_jti"], old["origin_jti"])
        self.device.get_user(AccessToken=refreshed["AccessToken"])
        self.assertEqual(len(self.local.sent_to(phone)), 1, "a refresh sends nothing")

        self.device.global_sign_out(AccessToken=tokens["AccessToken"])
        for each in (tokens, refreshed, renewed):
            said = self.refused(
                "NotAuthorizedException", self.device.get_user, AccessToken=each["AccessToken"]
            )
            self.assertEqual(said, "Access Token has been revoked")
        said = self.refused("NotAuthorizedException", self.device.initiate_auth, **refresh)
        self.assertEqual(said, "Refresh Token has been revoked")
        renewal = self.device.get_tokens_from_refresh_token
        said = self.refused("NotAuthorizedException", renewal, **renew)
        self.assertEqual(said, "Refresh Token has been revoked")
        self.assertIn("AccessToken", self.sign_in(phone))

    def test_revoked_refresh_token_revokes_only_its_own_tokens(self):
        phone = self.new_phone()
        self.sign_up(phone)
        one, other = self.sign_in(phone), self.sign_in(phone)
        self.device.revoke_token(Token=one["RefreshToken"], ClientId=self.local.client_id)
        self.refused(
            "NotAuthorizedException", self.device.initiate_auth, **self.refresh(one["RefreshToken"])
        )
        self.refused(
            "NotAuthorizedException", self.device.get_user, AccessToken=one["AccessToken"]
        )
        self.device.get_user(AccessToken=other["AccessToken"])


class Administration(Boto3Test):
    def setUp(self):
        super().setUp()
        self.pool = {"UserPoolId": self.local.pool_id}

    def create(self, phone, **arguments):
        attributes = [
            {"Name": "phone_number", "Value": phone},
            {"Name": "phone_number_verified", "Value": "true"},
        ]
        reply = self.server.admin_create_user(
            **self.pool, Username=phone, UserAttributes=attributes, **arguments
        )
        return reply["User"]

    def test_back_end_creates_user_and_signs_it_in(self):
        phone = self.new_phone()
        user = self.create(phone, MessageAction="SUPPRESS")
        self.assertEqual(user["UserStatus"], "FORCE_CHANGE_PASSWORD")
        self.assert_nothing_sent(phone)
        start = {**self.pool, "ClientId": self.local.client_id, "AuthFlow": "CUSTOM_AUTH"}
        reply = self.server.admin_initiate_auth(**start, AuthParameters={"USERNAME": phone})
        response = self.response(phone, self.challenge(reply), self.local.last_code(phone))
        reply = self.server.admin_respond_to_auth_challenge(**self.pool, **response)
        access = self.claims(reply["AuthenticationResult"]["AccessToken"])
        self.assertEqual(access["username"], user["Username"])

    def test_temporary_password_must_be_replaced(self):
        # The pool sends no SMS.
        phone = self.new_phone()
        said = self.refused(
            "InvalidParameterException",
            self.server.admin_create_user,
            **self.pool,
            Username=phone,
            TemporaryPassword=PASSWORD,
        )
        self.assertIn("does not have SMS configuration", said)
        self.assert_nothing_sent(phone)
        name = "jill.doe@example.com"
        self.server.admin_create_user(
            **self.pool,
            Username=name,
            TemporaryPassword=PASSWORD,
            DesiredDeliveryMediums=["EMAIL"],
        )
        self.assertEqual(len(self.local.sent_to(name)), 1, "the invitation")
        client = {"ClientId": self.local.any_flow_client_id}
        start = {**client, "AuthFlow": "USER_PASSWORD_AUTH"}

        def parameters(password):
            return {"AuthParameters": {"USERNAME": name, "PASSWORD": password}}

        wrong = parameters(NEW_PASSWORD)
        self.refused("NotAuthorizedException", self.device.initiate_auth, **start, **wrong)
        reply = self.device.initiate_auth(**start, **parameters(PASSWORD))
        self.assertEqual(reply["ChallengeName"], "NEW_PASSWORD_REQUIRED")
        self.assertNotIn("AuthenticationResult", reply)
        response = {
            **client,
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": reply["Session"],
        }
        respond = self.device.respond_to_auth_challenge
        weak = {"USERNAME": name, "NEW_PASSWORD": "weak"}
        self.refused("InvalidPasswordException", respond, ChallengeResponses=weak, **response)
        strong = {"USERNAME": name, "NEW_PASSWORD": NEW_PASSWORD}
        reply = respond(ChallengeResponses=strong, **response)
        self.assertIn("AccessToken", reply["AuthenticationResult"])
        reply = self.device.initiate_auth(**start, **parameters(NEW_PASSWORD))
        self.assertIn("AccessToken", reply["AuthenticationResult"])

    def test_users_are_listed_in_pages_and_filtered(self):
        phones = [self.new_phone() for _ in range(5)]
        for phone in phones:
            self.create(phone, MessageAction="SUPPRESS")
        pages = self.server.get_paginator("list_users").paginate(
            **self.pool, PaginationConfig={"PageSize": 2}
        )
        listed = [user for page in pages for user in page["Users"]]
        numbers = [
            attribute["Value"]
            for user in listed
            for attribute in user["Attributes"]
            if attribute["Name"] == "phone_number"
        ]
        self.assertEqual(len(numbers), len(set(numbers)))
        self.assertLessEqual(set(phones), set(numbers))
        found = self.server.list_users(**self.pool, Filter=f'phone_number = "{phones[2]}"')
        self.assertEqual(len(found["Users"]), 1)
        # It arrives as a date, not as a number.
        self.assertAlmostEqual(
            found["Users"][0]["UserCreateDate"].timestamp(), time.time(), delta=60
        )
        found = self.server.list_users(**self.pool, Filter='phone_number = "+1"')
        self.assertEqual(found["Users"], [])

    def test_pools_and_clients_are_listed_in_pages(self):
        names = [f"listed-{number}" for number in range(5)]
        pools = [self.server.create_user_pool(PoolName=name)["UserPool"]["Id"] for name in names]
        made = {}
        for name in names:
            reply = self.server.create_user_pool_client(UserPoolId=pools[0], ClientName=name)
            made[reply["UserPoolClient"]["ClientId"]] = name

        def listed(operation, key, name, **arguments):
            paginator = self.server.get_paginator(operation)
            pages = list(paginator.paginate(**arguments, PaginationConfig={"PageSize": 2}))
            self.assertTrue(all(len(page[key]) <= 2 for page in pages))
            items = [item for page in pages for item in page[key]]
            found = {item[name]: item.get("Name", item.get("ClientName")) for item in items}
            self.assertEqual(len(found), len(items), "none comes twice")
            return found

        found = listed("list_user_pools", "UserPools", "Id")
        self.assertLessEqual(dict(zip(pools, names)).items(), found.items())
        self.assertIn(self.local.pool_id, found)
        clients = ("list_user_pool_clients", "UserPoolClients", "ClientId")
        self.assertEqual(listed(*clients, UserPoolId=pools[0]), made)
        self.assertEqual(listed(*clients, UserPoolId=pools[1]), {})
        for pool in pools:
            self.server.delete_user_pool(UserPoolId=pool)
        found = listed("list_user_pools", "UserPools", "Id")
        self.assertEqual(set(pools) & set(found), set())
        self.refused(
            "ResourceNotFoundException", self.server.list_user_pool_clients, UserPoolId=pools[0]
        )

    def test_disabled_user_is_refused_until_enabled(self):
        phone = self.new_phone()
        self.create(phone, MessageAction="SUPPRESS")
        self.server.admin_disable_user(**self.pool, Username=phone)
        said = self.refused("NotAuthorizedException", self.initiate, name=phone)
        self.assertEqual(said, "User is disabled.")
        self.assert_nothing_sent(phone)
        self.server.admin_enable_user(**self.pool, Username=phone)
        self.assertIn("AccessToken", self.sign_in(phone))

    def test_each_error_raises_its_own_exception(self):
        phone, unverified = self.new_phone(), self.new_phone()
        self.create(phone, MessageAction="SUPPRESS")
        client = {"ClientId": self.local.client_id}
        new = {"Username": self.new_phone(), "Password": PASSWORD}
        # No code goes to either of two unverified contacts.
        email = {"Name": "email", "Value": "jane.doe@example.com"}
        self.server.admin_create_user(
            **self.pool, Username=unverified, MessageAction="SUPPRESS", UserAttributes=[email]
        )
        for exception, call, arguments in [
            ("UsernameExistsException", self.device.sign_up, {**client, **new, "Username": phone}),
            ("InvalidPasswordException", self.device.sign_up, {**client, **new, "Password": "x"}),
            ("InvalidParameterException", self.device.sign_up, {**client, **new, "Username": "x"}),
            ("ResourceNotFoundException", self.device.sign_up, {**new, "ClientId": "none"}),
            ("UserNotFoundException", self.server.admin_get_user, {**self.pool, "Username": "+1"}),
            ("UserLambdaValidationException", self.initiate, {"name": unverified}),
            (
                "InvalidParameterException",
                self.device.initiate_auth,
                {**client, "AuthFlow": "CUSTOM_AUTH", "AuthParameters": {}},
            ),
        ]:
            with self.subTest(exception, arguments=arguments):
                self.assertNotEqual(self.refused(exception, call, **arguments), "")
        for name in (phone, unverified, email["Value"], new["Username"]):
            self.assert_nothing_sent(name)

    def test_unsupported_operation_raises_client_error(self):
        with self.assertRaises(ClientError) as caught:
            self.server.describe_risk_configuration(**self.pool)
        self.assertNotIn("Success", str(caught.exception))


class Federation(Boto3Test):
    """An ID token becomes AWS credentials, by an identity pool and by STS."""

    def setUp(self):
        super().setUp()
        unsigned = Config(signature_version=UNSIGNED, **LIMITS)
        keys = {
            "aws_access_key_id": self.local.exports["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.local.exports["AWS_SECRET_ACCESS_KEY"],
        }
        self.identities = self.connect("cognito-identity", config=unsigned)
        self.sts = self.connect("sts", config=unsigned)
        self.administrator = self.connect("cognito-identity", config=Config(**LIMITS), **keys)
        region, pool_id = self.local.region, self.local.pool_id
        self.provider = f"cognito-idp.{region}.amazonaws.com/{pool_id}"

    def create_pool(self, guests=False):
        """An identity pool that trusts the default pool's client."""
        provider = {"ProviderName": self.provider, "ClientId": self.local.client_id}
        made = self.administrator.create_identity_pool(
            IdentityPoolName="made",
            AllowUnauthenticatedIdentities=guests,
            CognitoIdentityProviders=[{**provider, "ServerSideTokenCheck": True}],
        )
        pool = {"IdentityPoolId": made["IdentityPoolId"]}
        roles = {"authenticated": USER_ROLE, "unauthenticated": GUEST_ROLE}
        self.administrator.set_identity_pool_roles(**pool, Roles=roles)
        self.assertEqual(self.administrator.get_identity_pool_roles(**pool)["Roles"], roles)
        return pool

    def signed_in(self):
        """The tokens of a new user."""
        phone = self.new_phone()
        self.sign_up(phone)
        return self.sign_in(phone)

    def logins(self, token):
        return {"Logins": {self.provider: token}}

    def caller(self, credentials, **changed):
        """Who STS takes the owner of the credentials for."""
        secret = credentials.get("SecretKey") or credentials["SecretAccessKey"]
        keys = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": secret,
            "aws_session_token": credentials["SessionToken"],
        }
        sts = self.connect("sts", config=Config(**LIMITS), **{**keys, **changed})
        return sts.get_caller_identity()

    def assert_lasts(self, credentials, seconds):
        self.assertAlmostEqual(
            credentials["Expiration"].timestamp(), time.time() + seconds, delta=60
        )

    def spoilt(self, tokens):
        """Tokens that are no good here, each with why."""
        good = tokens["IdToken"]
        header, payload, signature = good.split(".")
        forged = ("B" if signature[0] == "A" else "A") + signature[1:]
        claims = jwt.decode(good, options={"verify_signature": False})
        key_id = {"kid": jwt.get_unverified_header(good)["kid"]}
        stranger = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        changed = json.dumps({**claims, "sub": str(uuid.uuid4())}).encode()
        changed = base64.urlsafe_b64encode(changed).decode().rstrip("=")
        return {
            "another signature": f"{header}.{payload}.{forged}",
            "another subject": f"{header}.{changed}.{signature}",
            "no signature": f"{header}.{payload}.",
            "no algorithm": jwt.encode(claims, None, "none", headers=key_id),
            "a stranger's key": jwt.encode(claims, stranger, "RS256", headers=key_id),
            "a secret": jwt.encode(claims, "k" * 32, "HS256", headers=key_id),
            "an access token": tokens["AccessToken"],
            "no token": "x.y.z",
        }

    def test_authenticated_user_gets_authenticated_role_credentials(self):
        pool = self.create_pool()
        tokens = self.signed_in()
        logins = self.logins(tokens["IdToken"])
        identity = {"IdentityId": self.identities.get_id(**pool, **logins)["IdentityId"]}
        self.assertRegex(identity["IdentityId"], rf"^{self.local.region}:[0-9a-f-]{{36}}$")
        self.assertEqual(
            self.identities.get_id(**pool, **logins)["IdentityId"], identity["IdentityId"]
        )
        other = self.logins(self.signed_in()["IdToken"])
        self.assertNotEqual(
            self.identities.get_id(**pool, **other)["IdentityId"], identity["IdentityId"]
        )
        reply = self.identities.get_credentials_for_identity(**identity, **logins)
        self.assertEqual(reply["IdentityId"], identity["IdentityId"])
        self.assert_lasts(reply["Credentials"], 3_600)
        caller = self.caller(reply["Credentials"])
        self.assertEqual(
            caller["Arn"],
            "arn:aws:sts::000000000000:assumed-role/User/CognitoIdentityCredentials",
        )
        self.assertEqual(caller["Account"], "000000000000")
        with self.assertRaises(ClientError) as caught:
            self.caller(reply["Credentials"], aws_access_key_id="ASIAOTHERSOMEBODYS00")
        self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidClientTokenId")
        self.assertNotIn("Arn", caught.exception.response)

        # Neither another user nor a guest has this identity.
        get = self.identities.get_credentials_for_identity
        for logins_of_others in [other, {}]:
            self.refused("NotAuthorizedException", get, **identity, **logins_of_others)
        self.refused("NotAuthorizedException", self.identities.get_id, **pool)
        # Who signed out everywhere gets none either.
        self.device.global_sign_out(AccessToken=tokens["AccessToken"])
        said = self.refused("NotAuthorizedException", get, **identity, **logins)
        self.assertIn("revoked", said)

    def test_guest_gets_guest_role_credentials(self):
        pool = self.create_pool(guests=True)
        identity = {"IdentityId": self.identities.get_id(**pool)["IdentityId"]}
        reply = self.identities.get_credentials_for_identity(**identity)
        arn = self.caller(reply["Credentials"])["Arn"]
        self.assertIn(":assumed-role/Guest/", arn)
        # A token that does not hold makes no guest of its owner.
        for why, token in self.spoilt(self.signed_in()).items():
            with self.subTest(why):
                logins = self.logins(token)
                get = self.identities.get_credentials_for_identity
                self.refused("NotAuthorizedException", get, **identity, **logins)
                self.refused("NotAuthorizedException", self.identities.get_id, **pool, **logins)

    def test_invalid_token_gets_no_credentials(self):
        pool = self.create_pool()
        tokens = self.signed_in()
        identity = self.identities.get_id(**pool, **self.logins(tokens["IdToken"]))
        identity = {"IdentityId": identity["IdentityId"]}
        role = {"RoleArn": USER_ROLE, "RoleSessionName": "tampered"}
        for why, token in self.spoilt(tokens).items():
            with self.subTest(why):
                logins = self.logins(token)
                get = self.identities.get_credentials_for_identity
                self.refused("NotAuthorizedException", get, **identity, **logins)
                self.refused("NotAuthorizedException", self.identities.get_id, **pool, **logins)
                with self.assertRaises(self.sts.exceptions.InvalidIdentityTokenException) as caught:
                    self.sts.assume_role_with_web_identity(**role, WebIdentityToken=token)
                self.assertNotIn("Credentials", caught.exception.response)
        # Good ones were not spoilt along.
        self.identities.get_credentials_for_identity(**identity, **self.logins(tokens["IdToken"]))

    def test_sts_accepts_id_token_for_the_requested_duration(self):
        tokens = self.signed_in()
        claims = self.claims(tokens["IdToken"], audience=self.local.client_id)
        assume = {"RoleArn": USER_ROLE, "RoleSessionName": "maya"}
        assume["WebIdentityToken"] = tokens["IdToken"]
        for duration, lasts in [
            ({}, 3_600),
            ({"DurationSeconds": SHORT_SESSION}, SHORT_SESSION),
            ({"DurationSeconds": LONG_SESSION}, LONG_SESSION),
        ]:
            reply = self.sts.assume_role_with_web_identity(**assume, **duration)
            self.assert_lasts(reply["Credentials"], lasts)
            self.assertEqual(reply["SubjectFromWebIdentityToken"], claims["sub"])
            self.assertEqual(reply["Audience"], self.local.client_id)
            arn = "arn:aws:sts::000000000000:assumed-role/User/maya"
            self.assertEqual(reply["AssumedRoleUser"]["Arn"], arn)
            self.assertEqual(self.caller(reply["Credentials"])["Arn"], arn)
        with self.assertRaises(ClientError) as caught:
            self.sts.assume_role_with_web_identity(**assume, DurationSeconds=LONG_SESSION + 1)
        self.assertEqual(caught.exception.response["Error"]["Code"], "ValidationError")
        self.assertNotIn("Credentials", caught.exception.response)
