"""The plain AWS CLI makes pools, app clients and scopes, and signs people in at them."""

import base64
import hashlib
import hmac
import json

from commands import CommandTest

TRIGGERS = [
    "CreateAuthChallenge",
    "DefineAuthChallenge",
    "PreSignUp",
    "VerifyAuthChallengeResponse",
]
BUILT_IN_SCOPES = ["openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"]
NOT_ENABLED = "CUSTOM_AUTH flow not enabled for this client"


def claims(token):
    """What a token says; another suite verifies tokens."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class PoolTest(CommandTest):
    def default_pool(self):
        described = self.admin("describe-user-pool", "--user-pool-id", self.local.pool_id)
        return described["UserPool"]

    def functions(self):
        """The functions' ARNs, as the default pool shows them: asked for once."""
        cls = type(self)
        if cls._functions is None:
            cls._functions = self.default_pool()["LambdaConfig"]
            self.assertEqual(sorted(cls._functions), TRIGGERS)
        return cls._functions

    _functions = None

    def create_pool(self, name, *arguments):
        create = ("create-user-pool", "--pool-name", name, *arguments)
        return self.admin(*create)["UserPool"]

    def create_client(self, pool_id, *arguments):
        create = ("create-user-pool-client", "--user-pool-id", pool_id, "--client-name", "made")
        return self.admin(*create, *arguments)["UserPoolClient"]

    def create_client_refused(self, exception, pool_id, *arguments):
        create = ("create-user-pool-client", "--user-pool-id", pool_id, "--client-name", "refused")
        return self.admin_refused(exception, *create, *arguments)

    def pools(self):
        """The names of all pools, by id."""
        listed = self.admin("list-user-pools", "--max-results", "60")["UserPools"]
        return {pool["Id"]: pool["Name"] for pool in listed}

    def clients(self, pool_id):
        """The names of a pool's app clients, by id."""
        listed = self.admin("list-user-pool-clients", "--user-pool-id", pool_id)
        return {client["ClientId"]: client["ClientName"] for client in listed["UserPoolClients"]}


class Pools(PoolTest):
    def test_pool_is_created_updated_and_deleted(self):
        before = self.pools()
        self.assertIn(self.local.pool_id, before)
        functions = json.dumps(self.functions())
        by_attribute = self.create_pool(
            "by attribute",
            *("--username-attributes", "phone_number", "email"),
            *("--lambda-config", functions),
        )
        self.assertEqual(sorted(by_attribute["UsernameAttributes"]), ["email", "phone_number"])
        self.assertEqual(by_attribute["LambdaConfig"], json.loads(functions))
        by_alias = self.create_pool("by alias", "--alias-attributes", "phone_number")
        self.assertEqual(by_alias["AliasAttributes"], ["phone_number"])
        self.assertEqual(by_alias["LambdaConfig"], {})
        made = {by_attribute["Id"]: "by attribute", by_alias["Id"]: "by alias"}
        self.assertEqual(self.pools(), {**before, **made})

        of_pool = ("--user-pool-id", by_alias["Id"])
        policy = {"PasswordPolicy": {"MinimumLength": 20}}
        settings = ("--lambda-config", functions, "--policies", json.dumps(policy))
        self.admin("update-user-pool", *of_pool, *settings)
        pool = self.admin("describe-user-pool", *of_pool)["UserPool"]
        self.assertEqual(pool["LambdaConfig"], json.loads(functions))
        self.assertEqual(pool["Policies"]["PasswordPolicy"]["MinimumLength"], 20)
        self.assertEqual(pool["AliasAttributes"], ["phone_number"], "it is for good")

        self.admin("delete-user-pool", *of_pool)
        self.admin_refused("ResourceNotFoundException", "describe-user-pool", *of_pool)
        self.assertEqual(self.pools(), {**before, by_attribute["Id"]: "by attribute"})

    def test_invalid_pool_is_not_created(self):
        before = self.pools()
        create = ("create-user-pool", "--pool-name", "refused")
        unknown = f"{self.functions()['DefineAuthChallenge']}-of-nobody"
        functions = {**self.functions(), "DefineAuthChallenge": unknown}
        said = self.admin_refused(
            "InvalidParameterException", *create, "--lambda-config", json.dumps(functions)
        )
        self.assertIn(f"LambdaConfig.DefineAuthChallenge: {unknown} names no function", said)
        names = ("--alias-attributes", "email", "--username-attributes", "email")
        self.admin_refused("InvalidParameterException", *create, *names)
        update = ("update-user-pool", "--user-pool-id", self.local.pool_id)
        lambda_config = ("--lambda-config", json.dumps(functions))
        self.admin_refused("InvalidParameterException", *update, *lambda_config)
        self.assertEqual(self.default_pool()["LambdaConfig"], self.functions())
        self.assertEqual(self.pools(), before)

    def test_phone_number_signs_in_at_new_pool(self):
        phone = self.new_phone()
        phones = ("--username-attributes", "phone_number")
        functions = ("--lambda-config", json.dumps(self.functions()))
        pool_id = self.create_pool("customers", *phones, *functions)["Id"]
        client_id = self.create_client(pool_id)["ClientId"]
        self.sign_up(phone, client_id)
        tokens = self.sign_in(phone, client_id)
        identity = claims(tokens["IdToken"])
        self.assertEqual(identity["iss"], f"{self.local.url}/{pool_id}")
        self.assertEqual(identity["aud"], client_id)
        self.assertEqual(identity["phone_number"], phone)
        self.assert_verified(tokens["AccessToken"], phone)
        self.assertEqual(len(self.local.sent_to(phone)), 1)
        keys = {key["kid"] for key in self.local.get(f"/{pool_id}/.well-known/jwks.json")["keys"]}
        path = f"/{self.local.pool_id}/.well-known/jwks.json"
        others = {key["kid"] for key in self.local.get(path)["keys"]}
        self.assertEqual(keys & others, set())
        # The default pool has no such user.
        self.admin_refused("UserNotFoundException", *self.of_user("admin-get-user", phone))

        self.admin("delete-user-pool", "--user-pool-id", pool_id)
        get_user = ("get-user", "--access-token", tokens["AccessToken"])
        self.refused("NotAuthorizedException", *get_user)
        self.refused("ResourceNotFoundException", *self.initiate(phone, client_id))
        self.assertEqual(len(self.local.sent_to(phone)), 1)

    def test_only_verified_alias_signs_in(self):
        phone, unverified = self.new_phone(), self.new_phone()
        alias = ("--alias-attributes", "phone_number")
        functions = ("--lambda-config", json.dumps(self.functions()))
        pool_id = self.create_pool("aliases", *alias, *functions)["Id"]
        client_id = self.create_client(pool_id)["ClientId"]
        for name, number, flag in [("ann", phone, "true"), ("bob", unverified, "false")]:
            create = ("admin-create-user", "--user-pool-id", pool_id, "--username", name)
            attributes = [f"Name=phone_number,Value={number}"]
            attributes.append(f"Name=phone_number_verified,Value={flag}")
            suppress = ("--message-action", "SUPPRESS")
            self.admin(*create, *suppress, "--user-attributes", *attributes)
        access = claims(self.sign_in(phone, client_id)["AccessToken"])
        self.assertEqual(access["username"], "ann")
        self.refused("UserNotFoundException", *self.initiate(unverified, client_id))
        self.assert_nothing_sent(unverified)
        self.assertEqual(len(self.local.sent_to(phone)), 1)


class Clients(PoolTest):
    def test_client_is_created_updated_and_deleted(self):
        phone = self.new_phone()
        self.create_user(phone)
        pool_id = self.local.pool_id
        before = self.clients(pool_id)
        self.assertIn(self.local.client_id, before)
        client = self.create_client(pool_id, "--generate-secret")
        client_id, secret = client["ClientId"], client["ClientSecret"]
        self.assertEqual(len(secret), 51)
        self.assertEqual(self.clients(pool_id), {**before, client_id: "made"})
        self.refused("NotAuthorizedException", *self.initiate(phone, client_id))
        self.assert_nothing_sent(phone)
        digest = hmac.digest(secret.encode(), (phone + client_id).encode(), hashlib.sha256)
        *start, parameters = self.initiate(phone, client_id)
        with_hash = f"{parameters},SECRET_HASH={base64.b64encode(digest).decode()}"
        self.challenge(self.aws(*start, with_hash))
        self.assertEqual(len(self.local.sent_to(phone)), 1)

        of_client = ("--user-pool-id", pool_id, "--client-id", client_id)
        settings = ("--client-name", "renamed", "--auth-session-validity", "15")
        updated = self.admin("update-user-pool-client", *of_client, *settings)["UserPoolClient"]
        described = self.admin("describe-user-pool-client", *of_client)["UserPoolClient"]
        self.assertEqual(described, updated)
        self.assertEqual(described["ClientSecret"], secret)
        self.assertEqual(described["ClientName"], "renamed")
        self.assertEqual((client["AuthSessionValidity"], described["AuthSessionValidity"]), (3, 15))

        self.admin("delete-user-pool-client", *of_client)
        self.admin_refused(
            "ResourceNotFoundException", "describe-user-pool-client", *of_client
        )
        self.refused("ResourceNotFoundException", *start, with_hash)
        self.assertEqual(self.clients(pool_id), before)
        self.assertEqual(len(self.local.sent_to(phone)), 1)

    def test_explicit_auth_flows_are_enforced(self):
        phone = self.new_phone()
        self.create_user(phone)
        pool_id = self.local.pool_id
        flows = ("--explicit-auth-flows", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
        client_id = self.create_client(pool_id, *flows)["ClientId"]
        said = self.refused("InvalidParameterException", *self.initiate(phone, client_id))
        self.assertIn(NOT_ENABLED, said)
        self.assert_nothing_sent(phone)

        of_client = ("--user-pool-id", pool_id, "--client-id", client_id)
        update = ("update-user-pool-client", *of_client, "--explicit-auth-flows")
        self.admin(*update, "CUSTOM_AUTH_FLOW_ONLY")
        self.assertIn("AccessToken", self.sign_in(phone, client_id))

        before = self.clients(pool_id)
        mixed = ("ALLOW_CUSTOM_AUTH", "ADMIN_NO_SRP_AUTH")
        said = self.create_client_refused(
            "InvalidParameterException", pool_id, "--explicit-auth-flows", *mixed
        )
        self.assertIn("cannot be mixed", said)
        self.admin_refused("InvalidParameterException", *update, *mixed)
        described = self.admin("describe-user-pool-client", *of_client)["UserPoolClient"]
        self.assertEqual(described["ExplicitAuthFlows"], ["CUSTOM_AUTH_FLOW_ONLY"])
        self.assertEqual(self.clients(pool_id), before)

    def test_unknown_scopes_are_refused(self):
        pool_id = self.local.pool_id
        before = self.clients(pool_id)
        custom = "photos/read"
        unknown = ("--allowed-o-auth-scopes", "openid", custom)
        said = self.create_client_refused("ScopeDoesNotExistException", pool_id, *unknown)
        self.assertIn(custom, said)
        self.assertEqual(self.clients(pool_id), before)
        server = ("--user-pool-id", pool_id, "--identifier", "photos", "--name", "photos")
        scopes = ("--scopes", "ScopeName=read,ScopeDescription=Read")
        self.admin("create-resource-server", *server, *scopes)
        scopes = ("--allowed-o-auth-scopes", *BUILT_IN_SCOPES, custom)
        client = self.create_client(pool_id, *scopes)
        self.assertEqual(sorted(client["AllowedOAuthScopes"]), sorted([*BUILT_IN_SCOPES, custom]))
        unknown = ("--allowed-o-auth-scopes", "photos/write")
        self.create_client_refused("ScopeDoesNotExistException", pool_id, *unknown)
