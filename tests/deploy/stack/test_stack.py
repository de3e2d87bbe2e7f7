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

# What moto 5.2.5 does not create; it leaves such a resource out with a warning. cfn-lint checks these
# against CloudFormation's own schemas.
NOT_IN_MOTO = {
    "AWS::Cognito::IdentityPoolRoleAttachment",
    "AWS::SES::EmailIdentity",
    "AWS::SNS::Subscription",
    "AWS::WAFv2::WebACLAssociation",
}


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
        """Creates the stack; gives back its resources' types and ids, by name, and its outputs."""
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
        created = {each["LogicalResourceId"]: each for each in listed}
        missing = {
            resource["Type"]
            for name, resource in template["Resources"].items()
            if name not in created
        }
        self.assertLessEqual(missing, NOT_IN_MOTO)
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        ids = {name: each.get("PhysicalResourceId") for name, each in created.items()}
        return ids, outputs

    def test_everything(self):
        ids, outputs = self.create(
            AlarmEmail="on-call@example.com",
            CreateEmailIdentity="true",
            DeletionProtection="INACTIVE",
            IdentityPool="with-guests",
            PointInTimeRecovery="true",
            Tracing="true",
            WebAcl="true",
        )
        pool = boto3.client("cognito-idp", REGION)
        described = pool.describe_user_pool(UserPoolId=outputs["UserPoolId"])["UserPool"]
        triggers = {
            "DefineAuthChallenge": outputs["DefineAuthChallengeArn"],
            "CreateAuthChallenge": outputs["CreateAuthChallengeArn"],
            "VerifyAuthChallengeResponse": outputs["VerifyAuthChallengeArn"],
        }
        self.assertEqual(described["LambdaConfig"], triggers)
        self.assertEqual(described["UsernameAttributes"], ["phone_number", "email"])
        client = pool.describe_user_pool_client(
            UserPoolId=outputs["UserPoolId"], ClientId=outputs["ClientId"]
        )["UserPoolClient"]
        flows = ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        self.assertEqual(client["ExplicitAuthFlows"], flows)
        self.assertEqual(client["PreventUserExistenceErrors"], "ENABLED")
        self.assertNotIn("ClientSecret", client)
        table = boto3.client("dynamodb", REGION)
        ledger = table.describe_table(TableName=outputs["LedgerTable"])["Table"]
        self.assertEqual(ledger["KeySchema"], [{"AttributeName": "destination", "KeyType": "HASH"}])
        self.assertEqual(ledger["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
        ttl = table.describe_time_to_live(TableName=outputs["LedgerTable"])
        self.assertEqual(ttl["TimeToLiveDescription"]["AttributeName"], "expires_at")
        functions = boto3.client("lambda", REGION)
        variables = {}
        for name in ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallenge"]:
            function = functions.get_function_configuration(FunctionName=ids[name])
            self.assertEqual((function["Timeout"], function["Handler"]), (5, "bootstrap"))
            self.assertEqual(function["Runtime"], "provided.al2023")
            variables[name] = function["Environment"]["Variables"]
        create = variables["CreateAuthChallenge"]
        self.assertEqual(create["LEDGER_TABLE"], outputs["LedgerTable"])
        self.assertEqual(create["SMS_COUNTRIES"], "US,CA")
        self.assertEqual(create["METRICS_NAMESPACE"], f"Passwordless/{STACK}")
        # Both have the generated key.
        (secret,) = boto3.client("secretsmanager", REGION).list_secrets()["SecretList"]
        value = boto3.client("secretsmanager", REGION).get_secret_value(SecretId=secret["ARN"])
        self.assertRegex(value["SecretString"], r"\A[A-Za-z0-9]{64}\Z")
        for name in ["CreateAuthChallenge", "VerifyAuthChallenge"]:
            key = variables[name]["CODE_KEY"]
            # moto 5.2.5 resolves references in some properties only.
            self.assertIn(key, [value["SecretString"], f"{{{{resolve:secretsmanager:{secret['ARN']}}}}}"])
        self.assertNotIn("CODE_KEY", variables["DefineAuthChallenge"])
        watch = boto3.client("cloudwatch", REGION)
        alarms = watch.describe_alarms()["MetricAlarms"]
        self.assertEqual(len(alarms), 6)
        for alarm in alarms:
            self.assertEqual(alarm["AlarmActions"], [outputs["AlarmTopicArn"]])
        body = watch.get_dashboard(DashboardName=STACK)["DashboardBody"]
        self.assertEqual(len(json.loads(body)["widgets"]), 8)
        self.assertIn(f"Passwordless/{STACK}", body)
        self.assertNotIn("${", body)

        self.cloudformation.delete_stack(StackName=STACK)
        self.assertEqual(pool.list_user_pools(MaxResults=10)["UserPools"], [])
        self.assertEqual(table.list_tables()["TableNames"], [])
        self.assertEqual(functions.list_functions()["Functions"], [])
        self.assertEqual(boto3.client("iam", REGION).list_roles()["Roles"], [])
        groups = boto3.client("logs", REGION).describe_log_groups()["logGroups"]
        self.assertEqual(groups, [])

    def test_an_existing_pool_is_left_alone(self):
        pool = boto3.client("cognito-idp", REGION)
        mine = pool.create_user_pool(PoolName="mine")["UserPool"]
        before = pool.describe_user_pool(UserPoolId=mine["Id"])["UserPool"]
        _, outputs = self.create(UserPoolId="us-east-1_abcDEF123")
        self.assertNotIn("ClientId", outputs)
        self.assertEqual(outputs["UserPoolId"], "us-east-1_abcDEF123")
        self.assertEqual(pool.describe_user_pool(UserPoolId=mine["Id"])["UserPool"], before)
        self.assertEqual(len(pool.list_user_pools(MaxResults=10)["UserPools"]), 1)
        policy = boto3.client("lambda", REGION).get_policy(
            FunctionName=outputs["CreateAuthChallengeArn"]
        )
        (statement,) = json.loads(policy["Policy"])["Statement"]
        self.assertTrue(
            statement["Condition"]["ArnLike"]["AWS:SourceArn"].endswith("/us-east-1_abcDEF123")
        )

    def test_a_second_factor_by_e_mail(self):
        ids, outputs = self.create(Media="EMAIL", SignIn="second-factor")
        self.assertNotIn("UserPoolSmsRole", ids)
        client = boto3.client("cognito-idp", REGION).describe_user_pool_client(
            UserPoolId=outputs["UserPoolId"], ClientId=outputs["ClientId"]
        )["UserPoolClient"]
        self.assertIn("ALLOW_USER_SRP_AUTH", client["ExplicitAuthFlows"])
