"""boto3 signs people up and in; PyJWT, which knows nothing of us, verifies their tokens."""

import base64
import hashlib
import hmac
import time
import uuid

import boto3
import jwt
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from common import LocalTest, mistype

PASSWORD = "Unused-and-forgotten-1"
NEW_PASSWORD = "Chosen-by-a-person-2"
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

    def connect(self, **options):
        client = boto3.client(
            "cognito-idp", endpoint_url=self.local.url, region_name=self.local.region, **options
        )
        self.addCleanup(client.close)
        return client

    def refused(self, exception, call, **arguments):
        """The message of `call`'s refusal, which must be boto3's own class for `exception`."""
        with self.assertRaises(getattr(self.device.exceptions, exception)) as caught:
            call(**arguments)
        response = caught.exception.response
        self.assertEqual(response["Error"]["Code"], exception)
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], 400)
        uuid.UUID(response["ResponseMetadata"]["RequestId"])
        return response["Error"]["Message"]

    def sign_up(self, name):
        client_id = self.local.client_id
        self.device.sign_up(ClientId=client_id, Username=name, Password=PASSWORD)
        code = self.local.last_code(name)
        self.device.confirm_sign_up(ClientId=client_id, Username=name, ConfirmationCode=code)

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
    def test_a_phone_number_signs_up_and_in(self):
        phone = self.new_phone()
        client_id = self.local.client_id
        reply = self.device.sign_up(ClientId=client_id, Username=phone, Password=PASSWORD)
        self.assertIs(reply["UserConfirmed"], False)
        self.assertEqual(reply["CodeDeliveryDetails"]["DeliveryMedium"], "SMS")
        code = self.local.last_code(phone)
        confirm = {"ClientId": client_id, "Username": phone}
        self.refused("UserNotConfirmedException", self.initiate, name=phone)
        self.refused(
            "CodeMismatchException",
            self.device.confirm_sign_up,
            ConfirmationCode=mistype(code),
            **confirm,
        )
        self.device.confirm_sign_up(ConfirmationCode=code, **confirm)

        session = self.initiate(phone)
        code = self.local.last_code(phone)
        next_session = self.challenge(self.respond(phone, session, mistype(code)))
        tokens = self.respond(phone, next_session, code)["AuthenticationResult"]
        self.assertEqual(len(self.local.sent_to(phone)), 2)
        for used in (session, next_session):
            said = self.refused(
                "NotAuthorizedException",
                self.device.respond_to_auth_challenge,
                **self.response(phone, used, code),
            )
            self.assertEqual(said, "Invalid session for the user, session can only be used once.")

        user = self.device.get_user(AccessToken=tokens["AccessToken"])
        self.assertEqual(user["Username"], reply["UserSub"])

    def test_an_e_mail_address_signs_up_and_in(self):
        name = "jane.o'doe+1@example.com"
        self.sign_up(name)
        identity = self.claims(self.sign_in(name)["IdToken"], audience=self.local.client_id)
        self.assertEqual(identity["email"], name)
        self.assertIs(identity["email_verified"], True)
        self.assertEqual([each["medium"] for each in self.local.sent_to(name)], ["EMAIL"] * 2)

    def test_three_wrong_codes_end_a_sign_in(self):
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
        self.assertEqual(len(self.local.sent_to(phone)), 2)

    def test_a_session_is_of_one_user_and_one_client(self):
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

    def test_a_resend_is_no_answer(self):
        phone = self.new_phone()
        self.sign_up(phone)
        session = self.initiate(phone)
        code = self.local.last_code(phone)
        response = self.response(phone, session, code)
        metadata = {"action": "resend"}
        reply = self.device.respond_to_auth_challenge(**response, ClientMetadata=metadata)
        session = self.challenge(reply)
        self.assertEqual(reply["ChallengeParameters"]["ATTEMPTS_LEFT"], "3")
        self.assertEqual(len(self.local.sent_to(phone)), 2, "too early to send again")
        self.assertIn("AuthenticationResult", self.respond(phone, session, code))

    def secret_hash(self, name):
        message = (name + self.local.secret_client_id).encode()
        digest = hmac.digest(self.local.client_secret.encode(), message, hashlib.sha256)
        return base64.b64encode(digest).decode()

    def test_a_client_with_a_secret_must_prove_it(self):
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
        self.assertEqual(len(self.local.sent_to(phone)), 1, "a refused start sends nothing")

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


class Tokens(Boto3Test):
    def test_another_library_verifies_them(self):
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

    def test_the_discovery_document_leads_to_the_keys(self):
        path = f"/{self.local.pool_id}/.well-known"
        configuration = self.local.get(f"{path}/openid-configuration")
        self.assertEqual(configuration["issuer"], f"{self.local.url}/{self.local.pool_id}")
        self.assertEqual(configuration["jwks_uri"], f"{self.local.url}{path}/jwks.json")

    def test_refresh_and_global_sign_out(self):
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
        self.assertEqual(len(self.local.sent_to(phone)), 2, "a refresh sends nothing")

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

    def test_a_revoked_refresh_token_takes_its_own_tokens_along(self):
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

    def test_a_back_end_creates_a_user_and_signs_it_in(self):
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

    def test_a_temporary_password_must_be_replaced(self):
        phone = self.new_phone()
        self.create(phone, TemporaryPassword=PASSWORD)
        self.assertEqual(len(self.local.sent_to(phone)), 1, "the invitation")
        start = {"ClientId": self.local.client_id, "AuthFlow": "USER_PASSWORD_AUTH"}

        def parameters(password):
            return {"AuthParameters": {"USERNAME": phone, "PASSWORD": password}}

        wrong = parameters(NEW_PASSWORD)
        self.refused("NotAuthorizedException", self.device.initiate_auth, **start, **wrong)
        reply = self.device.initiate_auth(**start, **parameters(PASSWORD))
        self.assertEqual(reply["ChallengeName"], "NEW_PASSWORD_REQUIRED")
        self.assertNotIn("AuthenticationResult", reply)
        response = {
            "ClientId": self.local.client_id,
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": reply["Session"],
        }
        respond = self.device.respond_to_auth_challenge
        weak = {"USERNAME": phone, "NEW_PASSWORD": "weak"}
        self.refused("InvalidPasswordException", respond, ChallengeResponses=weak, **response)
        strong = {"USERNAME": phone, "NEW_PASSWORD": NEW_PASSWORD}
        reply = respond(ChallengeResponses=strong, **response)
        self.assertIn("AccessToken", reply["AuthenticationResult"])
        reply = self.device.initiate_auth(**start, **parameters(NEW_PASSWORD))
        self.assertIn("AccessToken", reply["AuthenticationResult"])

    def test_users_are_listed(self):
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

    def test_a_disabled_user_is_refused(self):
        phone = self.new_phone()
        self.create(phone, MessageAction="SUPPRESS")
        self.server.admin_disable_user(**self.pool, Username=phone)
        said = self.refused("NotAuthorizedException", self.initiate, name=phone)
        self.assertEqual(said, "User is disabled.")
        self.assert_nothing_sent(phone)
        self.server.admin_enable_user(**self.pool, Username=phone)
        self.assertIn("AccessToken", self.sign_in(phone))

    def test_each_fault_is_an_exception_of_its_own(self):
        phone, unverified = self.new_phone(), self.new_phone()
        self.create(phone, MessageAction="SUPPRESS")
        client = {"ClientId": self.local.client_id}
        new = {"Username": self.new_phone(), "Password": PASSWORD}
        self.server.admin_create_user(
            **self.pool, Username=unverified, MessageAction="SUPPRESS"
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
        for name in (phone, unverified, new["Username"]):
            self.assert_nothing_sent(name)

    def test_an_operation_that_is_not_there_is_a_client_error(self):
        with self.assertRaises(ClientError) as caught:
            self.server.describe_risk_configuration(**self.pool)
        self.assertNotIn("Success", str(caught.exception))
