"""What SAM makes of the template is created by an emulator of CloudFormation, used, and deleted."""

import io
import json
import os
import unittest
import zipfile

import boto3
import combinations
import moto
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

REGION = "us-east-1"
os.environ["AWS_DEFAULT_REGION"] = REGION
BUCKET = "packages"
STACK = "passwordless"

# What moto 5.2.5 does not create: it leaves such a resource out. cfn-lint checks these against
# CloudFormation's own schemas, and that is all that does.
NOT_IN_MOTO = {
    "AWS::CloudWatch::Alarm",
    "AWS::Cognito::IdentityPool",
    "AWS::Cognito::IdentityPoolRoleAttachment",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::SES::EmailIdentity",
    "AWS::SNS::Subscription",
    "AWS::SecretsManager::Secret",
    "AWS::WAFv2::WebACL",
    "AWS::WAFv2::WebACLAssociation",
}


FUNCTIONS = ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallenge"]


def package(template):
    """The template with its code in a bucket, as `sam deploy` has it."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            name = resource["Properties"]["CodeUri"].strip("/")
            resource["Properties"]["CodeUri"] = f"s3://{BUCKET}/{name}"
            yield name


def expanded(given):
    """What SAM makes of the template for these parameters, and the names of the packages."""
    template = combinations.made(combinations.load(), given)
    packages = list(package(template))
    parameters = {name: str(value) for name, value in given.items()}
    policies = ManagedPolicyLoader(boto3.client("iam", REGION))
    return transform(template, parameters, policies), packages


@moto.mock_aws
class Stack(unittest.TestCase):
    def setUp(self):
        self.template = combinations.load()
        self.base = combinations.defaults(self.template)
        self.cloudformation = boto3.client("cloudformation", REGION)

    def create(self, **change):
        """Creates the stack; gives back its resources' ids, by name, and the types that are left out."""
        given = {**self.base, **change}
        self.assertIsNone(combinations.refusal(self.template, given))
        template, packages = expanded(given)
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("bootstrap", "")
        s3 = boto3.client("s3", REGION)
        s3.create_bucket(Bucket=BUCKET)
        for name in packages:
            s3.put_object(Bucket=BUCKET, Key=name, Body=code.getvalue())
        self.cloudformation.create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": str(value)}
                for name, value in given.items()
            ],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = self.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        listed = self.cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        created = {
            each["LogicalResourceId"]: each.get("PhysicalResourceId")
            for each in listed
            if "LogicalResourceId" in each
        }
        resources = template["Resources"].items()
        missing = {resource["Type"] for name, resource in resources if name not in created}
        self.assertLessEqual(missing, NOT_IN_MOTO)
        return created, missing

    def test_full_stack_is_created_and_deleted(self):
        ids, missing = self.create(
            AlarmEmail="on-call@example.com",
            CreateEmailIdentity="true",
            DeletionProtection="INACTIVE",
            IdentityPool="with-guests",
            PointInTimeRecovery="true",
            Tracing="true",
            WebAcl="true",
        )
        # So that a newer moto is made use of.
        self.assertEqual(missing, NOT_IN_MOTO)

        table = boto3.client("dynamodb", REGION)
        ledger = table.describe_table(TableName=ids["Ledger"])["Table"]
        self.assertEqual(ledger["KeySchema"], [{"AttributeName": "key", "KeyType": "HASH"}])
        self.assertEqual(ledger["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")

        functions = boto3.client("lambda", REGION)
        variables = {}
        for name in [*FUNCTIONS, "PreSignUp"]:
            function = functions.get_function_configuration(FunctionName=ids[name])
            self.assertEqual((function["Timeout"], function["Handler"]), (5, "bootstrap"))
            self.assertEqual(function["Runtime"], "provided.al2023")
            variables[name] = function["Environment"]["Variables"]
        create = variables["CreateAuthChallenge"]
        self.assertEqual(create["LEDGER_TABLE"], ids["Ledger"])
        self.assertEqual(create["SMS_COUNTRIES"], "US,CA")
        self.assertEqual((create["WHEN_LIMITED"], create["SPEND_GUARD"]), ("hold", "enforce"))
        self.assertEqual((create["SPEND_CREDIT"], create["COUNTRY_LIMIT"]), ("100/20/500", "2000/1h"))
        for each in variables.values():
            self.assertEqual(each["METRICS_NAMESPACE"], f"Passwordless/{STACK}")
            self.assertEqual((each["SIGN_IN"], each["SIGN_UP"]), ("passwordless", "code"))
        verify = variables["VerifyAuthChallenge"]
        self.assertEqual(verify["LEDGER_TABLE"], ids["Ledger"])
        for name in ["CODE_KEY", "LEDGER_KEY"]:
            self.assertEqual(verify[name], create[name])
            for function in ["DefineAuthChallenge", "PreSignUp"]:
                self.assertNotIn(name, variables[function])
        self.assertNotEqual(create["CODE_KEY"], create["LEDGER_KEY"])

        roles = boto3.client("iam", REGION)
        names = {role["RoleName"] for role in roles.list_roles()["Roles"]}
        self.assertEqual(len(names), 6)
        self.assertNotIn("UserPoolSmsRole", ids)
        create = roles.list_role_policies(RoleName=ids["CreateAuthChallengeRole"])["PolicyNames"]
        self.assertEqual(sorted(create), ["email", "ledger", "logs", "sms", "tracing"])
        verify = roles.list_role_policies(RoleName=ids["VerifyAuthChallengeRole"])["PolicyNames"]
        self.assertEqual(sorted(verify), ["ledger", "logs", "sign-up", "tracing"])
        pre_sign_up = roles.list_role_policies(RoleName=ids["PreSignUpRole"])["PolicyNames"]
        self.assertEqual(sorted(pre_sign_up), ["logs", "tracing"])

        watch = boto3.client("cloudwatch", REGION)
        body = watch.get_dashboard(DashboardName=STACK)["DashboardBody"]
        widgets = json.loads(body)["widgets"]
        self.assertEqual(len(widgets), 15)
        [shares] = [widget for widget in widgets if widget["type"] == "log"]
        for function in ["create", "verify"]:
            source = f"SOURCE '/aws/lambda/{STACK}/{function}-auth-challenge'"
            self.assertIn(source, shares["properties"]["query"])
        self.assertIn(f"Passwordless/{STACK}", body)
        self.assertNotIn("${", body)
        self.assertEqual(body.count(ids["PreSignUp"]), 2)

        self.cloudformation.delete_stack(StackName=STACK)
        self.assertEqual(table.list_tables()["TableNames"], [])
        self.assertEqual(functions.list_functions()["Functions"], [])
        self.assertEqual(roles.list_roles()["Roles"], [])
        groups = boto3.client("logs", REGION).describe_log_groups()["logGroups"]
        self.assertEqual(groups, [])

    def test_stack_with_sign_up_by_cognito_may_not_change_users(self):
        ids, _ = self.create(SignUp="cognito")
        self.assertNotIn("PreSignUp", ids)
        self.assertIn("UserPoolSmsRole", ids)
        roles = boto3.client("iam", REGION)
        verify = roles.list_role_policies(RoleName=ids["VerifyAuthChallengeRole"])["PolicyNames"]
        self.assertEqual(sorted(verify), ["ledger", "logs"])
        functions = boto3.client("lambda", REGION)
        for name in FUNCTIONS:
            function = functions.get_function_configuration(FunctionName=ids[name])
            self.assertEqual(function["Environment"]["Variables"]["SIGN_UP"], "cognito")
        body = boto3.client("cloudwatch", REGION).get_dashboard(DashboardName=STACK)["DashboardBody"]
        self.assertEqual(len(json.loads(body)["widgets"]), 14)
        self.assertNotIn("PreSignUp", body)
        self.assertNotIn("SignedUp", body)

    def test_stack_without_self_service_sign_up_sends_no_sms_and_may_not_change_users(self):
        ids, _ = self.create(SignUp="closed")
        for name in ["PreSignUp", "PreSignUpRole", "UserPoolSmsRole"]:
            self.assertNotIn(name, ids)
        roles = boto3.client("iam", REGION)
        verify = roles.list_role_policies(RoleName=ids["VerifyAuthChallengeRole"])["PolicyNames"]
        self.assertEqual(sorted(verify), ["ledger", "logs"])
        functions = boto3.client("lambda", REGION)
        for name in FUNCTIONS:
            function = functions.get_function_configuration(FunctionName=ids[name])
            self.assertEqual(function["Environment"]["Variables"]["SIGN_UP"], "closed")

    def test_sign_up_by_code_may_change_users_of_the_existing_pool_alone(self):
        ids, _ = self.create(UserPoolId="us-east-1_abcDEF123", SignUp="code")
        policy = boto3.client("iam", REGION).get_role_policy(
            RoleName=ids["VerifyAuthChallengeRole"], PolicyName="sign-up"
        )
        users, proven = policy["PolicyDocument"]["Statement"]
        pool = f"arn:aws:cognito-idp:{REGION}:123456789012:userpool/us-east-1_abcDEF123"
        self.assertEqual(users["Resource"], pool)
        tables = boto3.client("dynamodb", REGION)
        ledger = tables.describe_table(TableName=ids["Ledger"])["Table"]["TableArn"]
        self.assertEqual(proven["Resource"], ledger)
        self.assert_pool_may_invoke(ids, [*FUNCTIONS, "PreSignUp"])

    def test_functions_only_stack_is_created(self):
        ids, missing = self.create(UserPoolId="us-east-1_abcDEF123")
        self.assertEqual(missing, {"AWS::CloudWatch::Alarm", "AWS::SecretsManager::Secret"})
        self.assertNotIn("PreSignUp", ids)
        self.assert_pool_may_invoke(ids, FUNCTIONS)

    def assert_pool_may_invoke(self, ids, names):
        functions = boto3.client("lambda", REGION)
        for name in names:
            policy = functions.get_policy(FunctionName=ids[name])["Policy"]
            (statement,) = json.loads(policy)["Statement"]
            self.assertEqual(statement["Principal"], {"Service": "cognito-idp.amazonaws.com"})
            pool = statement["Condition"]["ArnLike"]["AWS:SourceArn"]
            self.assertTrue(pool.endswith(":userpool/us-east-1_abcDEF123"), pool)
