// What Kubernetes makes of a folder of manifests: kustomize builds it, the API's own types read every object strictly
// (an unknown field or a field twice is an error), and Pod Security's own rules judge every pod.
//
//	kubernetes FOLDER       {"objects": [...], "pods": [{"name", "profile", "problems"}]} as JSON, or exit status 1
package main

import (
	"encoding/json"
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

type pod struct {
	Name     string   `json:"name"`
	Profile  string   `json:"profile"`
	Problems []string `json:"problems"`
}

type answer struct {
	Objects []json.RawMessage `json:"objects"`
	Pods    []pod             `json:"pods"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: kubernetes FOLDER")
		os.Exit(2)
	}
	found, err := look(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(found)
}

func look(folder string) (*answer, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	rules, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		return nil, err
	}
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	found := &answer{}
	for _, resource := range resources.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			return nil, err
		}
		object, _, err := strict.Decode(text, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", resource.CurId(), err)
		}
		page, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		found.Objects = append(found.Objects, page)
		if template := templateOf(object); template != nil {
			found.Pods = append(found.Pods, judge(rules, resource.GetName(), template))
		}
	}
	return found, nil
}

func templateOf(object runtime.Object) *corev1.PodTemplateSpec {
	switch one := object.(type) {
	case *appsv1.Deployment:
		return &one.Spec.Template
	case *appsv1.StatefulSet:
		return &one.Spec.Template
	case *appsv1.DaemonSet:
		return &one.Spec.Template
	case *batchv1.Job:
		return &one.Spec.Template
	case *corev1.Pod:
		return &corev1.PodTemplateSpec{ObjectMeta: one.ObjectMeta, Spec: one.Spec}
	}
	return nil
}

func judge(rules policy.Evaluator, name string, template *corev1.PodTemplateSpec) pod {
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	problems := []string{}
	var meta metav1.ObjectMeta = template.ObjectMeta
	for _, result := range rules.EvaluatePod(level, &meta, &template.Spec) {
		if !result.Allowed {
			problems = append(problems, result.ForbiddenReason+": "+result.ForbiddenDetail)
		}
	}
	return pod{name, string(level.Level), problems}
}
